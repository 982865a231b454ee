/**
 * The devices that tests run on: the CPU, and CUDA. CUDA is the simulator (kernels/simt) unless EASEL_TEST_DEVICE=cuda, which
 * takes the machine's GPU, with its vendor libraries where EASEL_TEST_VENDOR=1.
 */

import { exists } from "../../src/base/files/exists.ts";
import { type Device, openDevice } from "../../src/runtime/mod.ts";
import { libraryPath } from "../../ffi/library.ts";
import type { Backend } from "../../ffi/library.ts";

const real = Deno.env.get("EASEL_TEST_DEVICE") === "cuda";

/** The simulator's library; the checked one looks at every access of a kernel, the fast one at few. */
export function simulatorPath(kind: "checked" | "fast" = "checked"): string {
  return libraryPath("cuda").replace(
    "libeasel_cuda",
    kind === "fast" ? "libeasel_simt_fast" : "libeasel_simt",
  );
}

/** The stand-in for one of NVIDIA's libraries, which computes where the simulator does. */
export function standInPath(library: "cublaslt" | "cudnn"): string {
  return libraryPath("cuda").replace("libeasel_cuda", `libeasel_simt_${library}`);
}

/** Why there is no CUDA to test on, or null. */
export const noCuda: string | null = !exists(libraryPath("cuda")) || !(real || exists(simulatorPath()))
  ? "not built: sh tools/build_cuda.sh --simulator"
  : null;

/** Why the simulator itself cannot be tested, or null: on a machine with a card it need not be there. */
export const noSimulator: string | null = noCuda ??
  (exists(simulatorPath()) ? null : "no simulator: sh tools/build_cuda.sh --simulator");

/** Where every test of a kernel runs. */
export const BACKENDS: readonly Backend[] = ["cpu", "cuda"];

/** Runs `body` with environment variables set, then (when a promise settles) puts them back. */
export function withEnvironment<T>(variables: Readonly<Record<string, string>>, body: () => T): T {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  const restore = () => {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  };
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  let result: T;
  try {
    result = body();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as T;
  restore();
  return result;
}

/** A device of its own, to be closed by the caller. */
export function openTestDevice(backend: Backend, kind: "checked" | "fast" = "checked"): Device {
  if (backend === "cpu") return openDevice("cpu", { threads: 2 });
  if (real) return openDevice("cuda", { noVendorLibs: Deno.env.get("EASEL_TEST_VENDOR") !== "1" });
  return withEnvironment({ EASEL_CUDA_DRIVER: simulatorPath(kind) }, () => openDevice("cuda"));
}

const opened = new Map<Backend, Device>();

/** The device of this test process. */
export function device(backend: Backend = "cpu"): Device {
  const found = opened.get(backend) ?? openTestDevice(backend);
  opened.set(backend, found);
  return found;
}

/** Defines a test on every backend; where there is no CUDA it is ignored and says why. */
export function testOnEach(name: string, body: (backend: Backend) => void | Promise<void>): void {
  for (const backend of BACKENDS) {
    const ignore = backend === "cuda" && noCuda !== null;
    const where = backend === "cpu" ? "" : ignore ? ` (cuda, ${noCuda})` : " (cuda)";
    Deno.test({ name: name + where, ignore, fn: () => body(backend) });
  }
}
