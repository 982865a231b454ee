/** What a row of first.ts is, and the settings and commands that its tasks are made of. */

import type { Task } from "./run_row.ts";

export interface Setup {
  readonly deno: string;
  /** For logs, profiles and caches. */
  readonly work: string;
  /** Where libraries are looked for: easel's, and those of Python's packages. */
  readonly libraries: string;
  readonly packaged: string;
  /** Folder of the simulator, in the card's place; else null. */
  readonly simulator: string | null;
  /** Whether Python has PyTorch. */
  readonly torch: boolean;
  /** Seconds that are left of all: a bench begins no job that it could not end. */
  readonly left: number;
  readonly ceilings: Readonly<Record<string, number>>;
  /** Whether the spy works here. */
  readonly spy: boolean;
}

export interface Row {
  readonly name: string;
  readonly tasks: (setup: Setup) => Task[];
  /** True: all of the machine's cores work on its tasks; nothing is timed. */
  readonly together?: boolean;
  /** Why the simulator cannot stand in. */
  readonly needs?: "a card" | "PyTorch";
}

/**
 * Whose kernels: ours, with those for Hopper wherever they can compute, with those where they are faster, without blocks of
 * 256x128, with sizes of blocks tried; NVIDIA's.
 */
export type Libs = "own" | "hopper" | "hopper_tried" | "blocks128" | "tried" | "nvidia";

const SETTINGS: Partial<Record<Libs, Readonly<Record<string, string>>>> = {
  hopper: { EASEL_CUDA_HOPPER: "always" },
  hopper_tried: { EASEL_CUDA_HOPPER: "1" },
  blocks128: { EASEL_CUDA_BLOCKS: "128" },
  tried: { EASEL_CUDA_BLOCKS: "tried" },
};

export function environment(setup: Setup, libs: Libs, spied = false): Record<string, string> {
  const { simulator: folder, libraries, packaged, work } = setup;
  const stub = (name: string) => folder ? `${folder}/libeasel_simt_${name}.so` : "";
  const named: Record<string, string> = libs !== "nvidia"
    ? { EASEL_CUBLASLT: "/none", EASEL_CUDNN: "/none", ...SETTINGS[libs] }
    : folder
    ? { EASEL_CUBLASLT: stub("cublaslt"), EASEL_CUDNN: stub("cudnn") }
    : {};
  return {
    ...named,
    ...(libs.startsWith("hopper") && folder ? { EASEL_SIMT_CAPABILITY: "90" } : {}),
    LD_LIBRARY_PATH: libs === "nvidia" && packaged ? `${libraries}:${packaged}` : libraries,
    EASEL_CACHE: `${work}/cache-${libs}`,
    EASEL_TEST_DEVICE: "cuda",
    EASEL_TEST_VENDOR: libs === "nvidia" ? "1" : "0",
    ...(spied && setup.spy ? { EASEL_CUDA_DRIVER: `${Deno.cwd()}/build/libeasel_spy.so` } : {}),
  };
}

export const deno = (setup: Setup, ...args: string[]) => [
  setup.deno,
  args[0],
  "-A",
  "--no-check",
  "--cached-only",
  ...args.slice(1),
];

/** The simulator is slower than a card, even with small models. */
export const limitOf = (limit: number, { simulator }: Setup) => simulator ? 3 * limit : limit;

/** Options of what measures; the simulator gets small models, once. */
export function measuring(setup: Setup, limit: number): string[] {
  const { tflops, gbs } = setup.ceilings, seconds = Math.min(limitOf(limit, setup), setup.left);
  return [
    "--device",
    "cuda",
    "--stop-after",
    String(Math.max(5, seconds > 40 ? seconds - 20 : seconds / 2)),
    "--logs",
    `${setup.work}/logs`,
    ...(setup.simulator ? ["--sizes", "tiny", "--runs", "1"] : []),
    ...(tflops ? ["--ceiling-tflops", String(tflops)] : []),
    ...(gbs ? ["--ceiling-gbs", String(gbs)] : []),
  ];
}

export function test(
  setup: Setup,
  libs: Libs,
  name: string,
  limit: number,
  path: string,
  filter?: string,
): Task {
  const chosen = filter ? ["--filter", filter] : [];
  return { name, limit, env: environment(setup, libs), command: deno(setup, "test", ...chosen, path) };
}
