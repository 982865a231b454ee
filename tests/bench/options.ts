/** What every measuring program takes on its command line. */

import { parseArgs } from "node:util";
import type { DType } from "../../src/base/dtype.ts";
import type { Backend } from "../../ffi/library.ts";
import { type Device, openDevice } from "../../src/runtime/mod.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: "string", default: "cpu" }, // or cuda
    dtype: { type: "string", default: "bf16" },
    libs: { type: "string", default: "own" }, // nvidia: NVIDIA's libraries where they are faster; others are ours, told apart by name
    sizes: { type: "string", default: "full" }, // tiny: to try the programs themselves
    threads: { type: "string", default: "0" },
    runs: { type: "string", default: "20" },
    "stop-after": { type: "string", default: "Infinity" }, // seconds after which no new job is begun
    "ceiling-tflops": { type: "string", default: "790" }, // what shares are of: an H100's, where nothing was measured
    "ceiling-gbs": { type: "string", default: "3000" },
    logs: { type: "string", default: "" }, // a folder for whole profiles
    only: { type: "string", default: "" }, // a pattern of names
    write: { type: "boolean", default: false }, // listing.txt anew
    once: { type: "boolean", default: false }, // each op once, for profilers
  },
});

export const names: readonly string[] = positionals;
export const tiny = values.sizes === "tiny";
export const backend = values.device as Backend;
export const dtype = values.dtype as DType;
export const { libs, logs, once, write } = values;
/** With these, what trials chose is kept in the cache folder. */
const REMEMBERED = ["nvidia", "tried", "hopper_tried"];
export const only = new RegExp(values.only);
export const runs = Number(values.runs);
export const ceiling = { tflops: Number(values["ceiling-tflops"]), gbs: Number(values["ceiling-gbs"]) };

/** Whether there is time for another job; says which one is left out. */
export function timeFor(label: string): boolean {
  const left = performance.now() / 1e3 < Number(values["stop-after"]);
  if (!left) console.log(`SKIP ${label}: no time left`);
  return left;
}

export function open(): Device {
  return openDevice(backend, { threads: Number(values.threads), noVendorLibs: !REMEMBERED.includes(libs) });
}
