/** One row of the bench in a process of its own, so that its peak memory is its own: prints one JSON object. */

import type { DType } from "../../src/base/dtype.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { type Job, loraStep, unetForward, vaeDecode } from "./models.ts";

const JOBS: Record<string, (store: ParameterStore, dtype: DType, size?: number) => Promise<Job>> = {
  unet: unetForward,
  step: loraStep,
  decode: vaeDecode,
};

const [what, dtype, threads, repeats, size] = Deno.args;
const device = openDevice("cpu", { threads: Number(threads) });
const store = new ParameterStore(device);
const job = await JOBS[what](store, dtype as DType, size ? Number(size) : undefined);
await job(); // first touches and lazily made programs
const all: number[] = [];
for (let i = 0; i < Number(repeats); i++) {
  const start = performance.now();
  await job();
  all.push((performance.now() - start) / 1000);
}
const status = Deno.readTextFileSync("/proc/self/status");
const peakBytes = Number(/VmHWM:\s+(\d+)/.exec(status)![1]) * 1024;
console.log(JSON.stringify({ seconds: Math.min(...all), all, peakBytes, plannedBytes: device.peakBytes }));
