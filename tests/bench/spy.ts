/** The numbers of tests/device/spy.cpp, where EASEL_CUDA_DRIVER names it; else all NaN. */

/** In the order of spy_read(). */
const NAMES = [
  "launches",
  "fills",
  "copies",
  "captureMs",
  "instantiateMs",
  "nodes",
  "kernelNodes",
  "replayMs",
  "heldBytes",
  "peakBytes",
  "loadMs",
  "refusedEvents",
] as const;
export type Counts = Record<typeof NAMES[number], number>;

const path = Deno.env.get("EASEL_CUDA_DRIVER") ?? "";
const library = path.endsWith("libeasel_spy.so")
  ? Deno.dlopen(path, {
    spy_read: { parameters: ["buffer"], result: "void" },
    spy_new_peak: { parameters: [], result: "void" },
    spy_kernels: { parameters: ["buffer"], result: "void" },
  })
  : null;

export const spying = library !== null;

export function counts(): Counts {
  const out = new Float64Array(NAMES.length).fill(NaN);
  library?.symbols.spy_read(out);
  return Object.fromEntries(NAMES.map((name, i) => [name, out[i]])) as Counts;
}

/** What was counted since `before`; peakBytes and heldBytes as they are. */
export function since(before: Counts): Counts {
  const now = counts();
  const difference = NAMES.map((name) =>
    [name, name.endsWith("Bytes") ? now[name] : now[name] - before[name]] as const
  );
  return Object.fromEntries(difference) as Counts;
}

/** The peak of memory begins anew. */
export function newPeak(): void {
  library?.symbols.spy_new_peak();
}

/** Appends a line for each kernel that was launched: how often, registers, blocks on a multiprocessor. */
export function writeKernels(file: string): void {
  library?.symbols.spy_kernels(new TextEncoder().encode(`${file}\0`));
}
