/** Finds and opens a backend's library. */

import { UserError } from "../src/base/errors.ts";
import { isFile } from "../src/base/files/exists.ts";
import { INSTRUCTION_BYTES, TENSOR_BYTES } from "../src/base/records.ts";
import { ROOT, UNPACKED } from "../src/base/root.ts";
import { ABI_VERSION, type Library, SYMBOLS } from "./abi.ts";
import { returnFreedArrays } from "./memory.ts";

export type Backend = "cpu" | "cuda";

const BUILD: Readonly<Record<Backend, string>> = {
  cpu: "build it with ./run task build",
  cuda: "build it with sh tools/build_cuda.sh (it takes nvcc), or use --device cpu",
};
const ELSEWHERE: Readonly<Record<Backend, string>> = {
  cpu: "download easel again",
  cuda: "take a file that was made where nvcc is, or use --device cpu",
};

/** Opens libeasel_<backend>: from EASEL_LIBRARY_DIR, else from the folder build/ of easel itself. */
export function openLibrary(backend: Backend): Library {
  const path = libraryPath(backend);
  const remedy = (UNPACKED ? ELSEWHERE : BUILD)[backend];
  if (backend === "cpu") patience();
  returnFreedArrays();
  if (backend === "cuda" && !libraryThere(backend)) {
    throw new UserError(`cuda: easel was built without GPU code (there is no ${path}); ${remedy}`);
  }
  let library: Library;
  try {
    library = Deno.dlopen(path, SYMBOLS);
  } catch (cause) {
    throw new UserError(`${path}: cannot be loaded (${loaderText(cause, path)}); ${remedy}`, { cause });
  }
  const sizes = (BigInt(TENSOR_BYTES) << 32n) | BigInt(INSTRUCTION_BYTES);
  if (library.symbols.easel_abi() !== ABI_VERSION || library.symbols.easel_record_sizes() !== sizes) {
    library.close();
    throw new UserError(
      `${path}: was built for another version of easel; ${remedy}`,
    );
  }
  return library;
}

/** What the system's loader says, without what Deno puts before it and the path that is known. */
function loaderText(cause: unknown, path: string): string {
  const text = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
  return text.replace(/^(Could not open library: )+/, "").replace(`${path}: `, "");
}

/** Whether a backend's library lies where openLibrary looks for it. */
export function libraryThere(backend: Backend): boolean {
  return isFile(libraryPath(backend));
}

/**
 * OpenMP reads this when it is loaded. Threads that spin while they wait take the processor from those they wait for when
 * other programs run too: a step then takes ten times as long. Waking one that sleeps takes 30 microseconds, as long as a
 * small op, so they spin for about that. Whoever has set it keeps what was set.
 */
function patience(): void {
  if (Deno.env.get("OMP_WAIT_POLICY")) return;
  Deno.env.set("OMP_WAIT_POLICY", "passive");
  if (!Deno.env.get("GOMP_SPINCOUNT")) Deno.env.set("GOMP_SPINCOUNT", "2000");
}

/** The path that openLibrary uses. */
export function libraryPath(backend: Backend): string {
  const folder = Deno.env.get("EASEL_LIBRARY_DIR") ?? `${ROOT}/build`;
  return `${folder}/libeasel_${backend}.so`;
}
