/** Finds and opens a backend's library. The only Deno.dlopen of the program. */

import { UserError } from "../src/base/errors.ts";
import { INSTRUCTION_BYTES, TENSOR_BYTES } from "../src/base/records.ts";
import { ROOT, UNPACKED } from "../src/base/root.ts";
import { ABI_VERSION, type Library, SYMBOLS } from "./abi.ts";

export type Backend = "cpu" | "cuda";

const BUILD: Readonly<Record<Backend, string>> = { cpu: "./run task build", cuda: "sh tools/build_cuda.sh" };

/** Opens libeasel_<backend>: from EASEL_LIBRARY_DIR, else from the folder build/ of easel itself. */
export function openLibrary(backend: Backend): Library {
  const path = libraryPath(backend);
  const remedy = UNPACKED ? "download easel again" : `build it with ${BUILD[backend]}`;
  if (backend === "cpu") patience();
  let library: Library;
  try {
    library = Deno.dlopen(path, SYMBOLS);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new UserError(`${path}: cannot be loaded (${text}); ${remedy}`, { cause });
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

/**
 * OpenMP reads this when it is loaded. Threads that spin while they wait take the processor from those they wait for when
 * other programs run too: a step then takes ten times as long. Whoever has set it keeps what was set.
 */
function patience(): void {
  if (!Deno.env.get("OMP_WAIT_POLICY")) Deno.env.set("OMP_WAIT_POLICY", "passive");
}

/** The path that openLibrary uses. */
export function libraryPath(backend: Backend): string {
  const folder = Deno.env.get("EASEL_LIBRARY_DIR") ?? `${ROOT}/build`;
  return `${folder}/libeasel_${backend}.so`;
}
