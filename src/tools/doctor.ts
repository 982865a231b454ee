/** What this machine can do for easel: read from the system and from the compute library itself. */

import { libraryPath } from "../../ffi/library.ts";
import { modelPath } from "../base/assets.ts";
import { UserError } from "../base/errors.ts";
import { UNPACKED } from "../base/root.ts";
import { cardHere, openDevice, whyNoGpu, WITHOUT_GPU_CODE } from "../runtime/mod.ts";
import { vendorTexts } from "../runtime/vendor.ts";
import { inspectFile } from "./inspect.ts";

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
function library(): Finding[] {
  try {
    const device = openDevice("cpu");
    try {
      const { onednn, threads, isa, features = {} } = device.info();
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
      remedy: UNPACKED
        ? "download easel again"
        : "./run task build makes it again (oneDNN comes with libdnnl-dev)",
    }];
  }
}

/** The part of the CUDA library's easel_device_info that is shown. */
function gpu(): Finding {
  try {
    const device = openDevice("cuda");
    try {
      const { name, capability, driver, vendor, memory } = device.info();
      return fine(
        "GPU",
        [
          `${name}, compute capability ${capability}`,
          `${gigabytes(memory.available)} free of ${gigabytes(memory.total)}`,
          `driver for CUDA ${driver}`,
          ...(vendor ? vendorTexts(vendor) : []),
        ].join(", "),
      );
    } finally {
      device.close();
    }
  } catch (error) {
    return noGpu(error as Error, cardHere());
  }
}

/** What it means that no GPU could be opened: nothing where there is no card, a fault where the library is broken. */
export function noGpu(error: Error, card: boolean): Finding {
  const onCpu = "computing on the CPU";
  if (!card) return fine("GPU", `no NVIDIA card here; ${onCpu}`);
  const why = error instanceof UserError ? whyNoGpu(error) : error.message.split("\n")[0];
  if (why === WITHOUT_GPU_CODE) {
    return {
      ...fine("GPU", `there is an NVIDIA card, but ${why}; ${onCpu}`),
      remedy: UNPACKED
        ? "take an executable that was made where nvcc is installed"
        : "install nvcc (NVIDIA's CUDA toolkit), then sh tools/build_cuda.sh",
    };
  }
  const text = `there is an NVIDIA card, but it cannot be used: ${why}; ${onCpu}`;
  // an answer of the driver; anything else is a library that is broken, and says what to do
  if (!error.message.startsWith("cuda: ")) return { name: "GPU", text, ok: false };
  const remedy = "a card takes compute capability 7.5 (Turing) or newer and NVIDIA's driver 525 or newer";
  return { ...fine("GPU", text), remedy };
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GB`;
}

function builtinModel(): Finding {
  const path = modelPath("builtin:tiny");
  try {
    return fine("builtin:tiny", `${inspectFile(path).what}, ${path}`);
  } catch (error) {
    return {
      ...fine("builtin:tiny", `cannot be used (${(error as Error).message})`),
      remedy: "easel demo and the examples of the help need it; every other model works without",
    };
  }
}
