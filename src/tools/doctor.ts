/** What this machine can do for easel: read from the system and from the compute library itself. */

import { libraryPath } from "../../ffi/library.ts";
import { openDevice } from "../runtime/mod.ts";

export interface Finding {
  readonly name: string;
  readonly text: string;
  /** False: something that easel needs is missing. */
  readonly ok: boolean;
}

/** Instruction sets that the CPU library has code for, by their name in /proc/cpuinfo. */
const FEATURES = [
  "avx2",
  "fma",
  "avx512f",
  "avx512_vnni",
  "avx512_bf16",
  "avx512_fp16",
  "amx_tile",
  "amx_bf16",
  "asimd",
  "bf16",
];

/** Looks around; what cannot be found out is said, never thrown. */
export function examine(): Finding[] {
  return [system(), processor(), memory(), ...library(), gpu()];
}

function fine(name: string, text: string): Finding {
  return { name, text, ok: true };
}

function system(): Finding {
  return fine("system", `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}, Deno ${Deno.version.deno}`);
}

function processor(): Finding {
  const cores = `${navigator.hardwareConcurrency} cores`;
  let text = "";
  try {
    text = Deno.readTextFileSync("/proc/cpuinfo");
  } catch {
    return fine("processor", cores);
  }
  const model = /^model name\s*:\s*(.+)$/m.exec(text)?.[1] ?? "unknown model";
  const flags = new Set((/^(?:flags|Features)\s*:\s*(.+)$/m.exec(text)?.[1] ?? "").split(" "));
  return fine(
    "processor",
    `${model}, ${cores}, ${FEATURES.filter((f) => flags.has(f)).join(" ") || "no vector units known"}`,
  );
}

function memory(): Finding {
  const { total, available } = Deno.systemMemoryInfo();
  const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GB`;
  return fine("memory", `${gigabytes(available)} free of ${gigabytes(total)}`);
}

/** The part of easel_device_info that is shown. */
interface LibraryFacts {
  readonly onednn: string;
  readonly threads: number;
  readonly isa: string;
  readonly features: Readonly<Record<string, boolean>>;
}

function library(): Finding[] {
  try {
    const device = openDevice("cpu");
    try {
      const { onednn, threads, isa, features } = device.info() as unknown as LibraryFacts;
      const on = Object.entries(features).filter(([, has]) => has).map(([name]) => name);
      const facts = [`oneDNN ${onednn}`, `${threads} threads`, `code for ${isa}`, on.join(" ")];
      return [fine("CPU library", `${facts.join(", ")} (${libraryPath("cpu")})`)];
    } finally {
      device.close();
    }
  } catch (error) {
    return [{ name: "CPU library", text: (error as Error).message.split("\n")[0], ok: false }];
  }
}

function gpu(): Finding {
  let found = "none found";
  try {
    const names = [...Deno.readDirSync("/proc/driver/nvidia/gpus")].length;
    if (names > 0) found = `${names} NVIDIA`;
  } catch { /* no driver */ }
  return fine("GPU", `${found}; computing on a GPU is not supported yet`);
}
