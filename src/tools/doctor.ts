/** What this machine can do for easel: read from the system and from the compute library itself. */

import { libraryPath } from "../../ffi/library.ts";
import { modelPath } from "../base/assets.ts";
import { openDevice } from "../runtime/mod.ts";
import { type VendorFacts, vendorTexts } from "../runtime/vendor.ts";

export interface Finding {
  readonly name: string;
  readonly text: string;
  /** False: something that easel needs is missing. */
  readonly ok: boolean;
  /** What to do about it, or to get more out of this machine. */
  readonly remedy?: string;
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
  return [system(), processor(), memory(), ...library(), gpu(), builtinModel()];
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

/** Training SD1 in bf16 on 512 pixels takes about this much. */
const COMFORTABLE = 6 * 2 ** 30;

function memory(): Finding {
  const { total, available } = Deno.systemMemoryInfo();
  const limit = memoryLimit(), least = Math.min(available, limit ?? Infinity);
  const limited = limit !== null && limit < total ? `, this container may use ${gigabytes(limit)}` : "";
  const found = fine("memory", `${gigabytes(available)} free of ${gigabytes(total)}${limited}`);
  if (least >= COMFORTABLE) return found;
  return {
    ...found,
    remedy:
      "little for a full-size model: close other programs; --gradient_checkpointing, a smaller --resolution " +
      "and, on a GPU or with AVX-512, --mixed_precision bf16 need less, easel plan shows how much",
  };
}

/** What control groups allow, null without a limit. */
function memoryLimit(): number | null {
  for (const path of ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]) {
    try {
      const bytes = Number(Deno.readTextFileSync(path));
      if (Number.isFinite(bytes) && bytes < 2 ** 50) return bytes;
    } catch { /* another system, or none */ }
  }
  return null;
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
      if (!features.avx512) facts.push("without AVX-512 bf16 is neither faster nor smaller than float32");
      return [fine("CPU library", `${facts.join(", ")} (${libraryPath("cpu")})`)];
    } finally {
      device.close();
    }
  } catch (error) {
    return [{
      name: "CPU library",
      text: (error as Error).message.split("\n")[0],
      ok: false,
      remedy:
        "in a checkout ./run task build makes it again (oneDNN comes with libdnnl-dev); an executable that " +
        "lost it is to be downloaded again",
    }];
  }
}

/** The part of the CUDA library's easel_device_info that is shown. */
interface GpuFacts {
  readonly name: string;
  readonly capability: string;
  readonly driver: string;
  readonly vendor: VendorFacts;
  readonly memory: { readonly total: number; readonly available: number };
}

function gpu(): Finding {
  try {
    const device = openDevice("cuda");
    try {
      const { name, capability, driver, vendor, memory } = device.info() as unknown as GpuFacts;
      return fine(
        "GPU",
        [
          `${name}, compute capability ${capability}`,
          `${gigabytes(memory.available)} free of ${gigabytes(memory.total)}`,
          `driver for CUDA ${driver}`,
          ...vendorTexts(vendor),
        ].join(", "),
      );
    } finally {
      device.close();
    }
  } catch (error) {
    return fine("GPU", `not usable: ${(error as Error).message.split("\n")[0]}`);
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GB`;
}

function builtinModel(): Finding {
  const path = modelPath("builtin:tiny");
  try {
    Deno.statSync(path);
    return fine("builtin:tiny", path);
  } catch {
    return {
      ...fine("builtin:tiny", `${path} is not there`),
      remedy: "easel demo and the examples of the help need it; every other model works without",
    };
  }
}
