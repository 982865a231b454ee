/** What the CUDA backend says of NVIDIA's own libraries (kernels/cuda/vendor). */

export interface VendorFacts {
  /** True: --no-vendor-libs. */
  readonly off: boolean;
  readonly cublasLt: {
    /** "": there is none. */
    readonly path: string;
    readonly version: string;
    readonly usable: boolean;
    /** Why it is not usable. */
    readonly why: string;
    /** Kinds of products that were tried both ways, those that it does, and those where it went wrong. */
    readonly measured: number;
    readonly taken: number;
    readonly refused: number;
    /** Of the first that was refused. */
    readonly reason: string;
    /** The file that remembers it, "" for none. */
    readonly choices: string;
  };
}

/** One line: whether cuBLASLt is used, and why not. */
export function vendorText({ off, cublasLt: lt }: VendorFacts): string {
  if (off) return "cuBLASLt is not used (--no-vendor-libs)";
  if (!lt.path) return "no cuBLASLt found, easel's own kernels do all";
  const name = ["cuBLASLt", lt.version].filter((part) => part).join(" ");
  if (!lt.usable) return `${name} is not used (${lt.path}: ${lt.why})`;
  const seen = lt.measured ? `, for ${lt.taken} of ${lt.measured} kinds of products so far` : "";
  const wrong = lt.refused ? `; ${lt.refused} refused, the first ${lt.reason}` : "";
  return `${name} is used where it is faster${seen} (${lt.path})${wrong}`;
}
