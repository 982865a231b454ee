/** What the CUDA backend says of NVIDIA's own libraries (kernels/cuda/vendor). */

export interface LibraryFacts {
  /** "": there is none. */
  readonly path: string;
  readonly version: string;
  readonly usable: boolean;
  /** Why it is not usable. */
  readonly why: string;
  /** Kinds of computations that were tried both ways, those that it does, and those where it went wrong. */
  readonly measured: number;
  readonly taken: number;
  readonly refused: number;
  /** Of the first that was refused. */
  readonly reason: string;
}

export interface VendorFacts {
  /** True: --no-vendor-libs. */
  readonly off: boolean;
  readonly cublasLt: LibraryFacts;
  readonly cudnn: LibraryFacts;
  /** The file that remembers what was tried, "" for none. */
  readonly choices: string;
}

/** A line for each library: whether it is used, and why not. */
export function vendorTexts({ off, cublasLt, cudnn }: VendorFacts): string[] {
  if (off) return ["cuBLASLt and cuDNN are not used (--no-vendor-libs)"];
  if (!cublasLt.path && !cudnn.path) return ["no cuBLASLt or cuDNN found, easel's own kernels do all"];
  return [
    libraryText("cuBLASLt", "products", cublasLt),
    libraryText("cuDNN", "convolutions and attention", cudnn),
  ];
}

function libraryText(called: string, kinds: string, facts: LibraryFacts): string {
  if (!facts.path) return `no ${called} found, easel's own kernels do ${kinds}`;
  const name = [called, facts.version].filter((part) => part).join(" ");
  if (!facts.usable) return `${name} is not used (${facts.path}: ${facts.why})`;
  const seen = facts.measured ? `, for ${facts.taken} of ${facts.measured} kinds of ${kinds} so far` : "";
  const wrong = facts.refused ? `; ${facts.refused} refused, the first ${facts.reason}` : "";
  return `${name} is used where it is faster${seen} (${facts.path})${wrong}`;
}
