/**
 * measure.ts [--device cuda] [..] MODEL JOB[:BATCH]..: sd15 or sdxl; forward, step (LoRA of rank 16), recompute (the
 * same with gradient checkpointing), full (all weights), decode, tiled_1024 and tiled_2048 (--vae_tiling), text, draw
 * (gen_img's loop), picture (text, loop and decode), update_NAME (one step of an optimizer). Made-up weights. Prints
 * facts; the options are in options.ts.
 */

import { ParameterStore } from "../../src/runtime/mod.ts";
import { vendorTexts } from "../../src/runtime/vendor.ts";
import { fact, median, MIB } from "./facts.ts";
import type { Job } from "./programs/job.ts";
import { JOBS } from "./programs/jobs.ts";
import { MODELS } from "./programs/models.ts";
import { backend, dtype, libs, logs, names, open, runs, timeFor } from "./options.ts";
import { profile } from "./profile.ts";
import { counts, newPeak, since, spying, writeKernels } from "./spy.ts";

const [name, ...wanted] = names, model = MODELS.get(name);
if (!model) throw new Error(`there is no model ${name}; the models are ${[...MODELS.keys()].join(", ")}`);
const began = performance.now(), device = open(), store = new ParameterStore(device);
const who = backend === "cpu" ? "cpu" : libs;
const free = available();
fact(`${who}.${name}.open`, performance.now() - began, "ms");
let first = true;

function available(): number {
  return (device.info().memory as { available: number }).available;
}

/** Milliseconds of a run, and the GPU's part of them; its results are looked at and not kept. */
interface Timed {
  readonly wall: number;
  readonly gpu: number;
  readonly finite: boolean;
  readonly loss?: number;
}

async function timed(job: Job): Promise<Timed> {
  job.before?.();
  const before = counts(), at = performance.now();
  const out = await job.once(), wall = performance.now() - at, gpu = since(before).replayMs;
  // no copy of a picture as a JavaScript array: it would stand in the process's measured memory
  const finite = Object.values(out).every((values) => Array.prototype.every.call(values, Number.isFinite));
  return { wall, gpu, finite, loss: out.loss?.[0] };
}

/** Milliseconds of which making the programs is a small part: such a job runs once. A step's first may wait for its memory. */
const LONG = 60e3;

/** Until a run is no longer much faster than the one before: a virtual machine gets its memory as it first writes to it. */
async function settle(job: Job, last: number): Promise<void> {
  for (let k = 0; k < 4; k++) {
    const { wall } = await timed(job);
    if (wall > 0.9 * last) return;
    last = wall;
  }
}

async function measure(label: string, job: Job, made: number): Promise<void> {
  const before = counts(), one = await timed(job);
  if (first) fact(`${who}.${name}.first_step`, performance.now() / 1e3, "s since the command");
  first = false;
  const long = backend === "cpu" && one.wall > LONG && one.loss === undefined;
  const once = counts(), second = long ? one : await timed(job); // records the graphs, where the first run did not
  const process = Deno.memoryUsage().rss - device.allocatedBytes; // as `easel plan` tells it
  const graphs = since(before), { launches } = since(once);
  if (backend === "cuda") { for (let k = 0; k < 3; k++) await job.once(); }
  else if (!long) await settle(job, second.wall);
  const all = long ? [one] : [];
  while (all.length < (long ? 1 : runs)) all.push(await timed(job));
  const wall = median(all.map((t) => t.wall)), gpu = median(all.map((t) => t.gpu)), { steps } = job;
  fact(`${label}.best`, Math.min(...all.map((t) => t.wall)) / steps, "ms");
  fact(`${label}.median`, wall / steps, "ms");
  fact(`${label}.slowest`, Math.max(...all.map((t) => t.wall)) / steps, "ms");
  if (steps > 1) fact(`${label}.rate`, 1e3 * steps / wall, "it/s");
  if (spying) {
    fact(`${label}.gpu`, gpu / steps, "ms of the graphs");
    fact(`${label}.host`, (wall - gpu) / steps, "ms beside them");
    fact(`${label}.launches`, graphs.kernelNodes || launches, `kernels in ${graphs.nodes} nodes`);
    fact(`${label}.capture`, graphs.captureMs, "ms");
    fact(`${label}.instantiate`, graphs.instantiateMs, "ms");
    fact(`${label}.allocated`, counts().peakBytes / MIB, "MiB");
  }
  fact(`${label}.made`, made / 1e3, "s");
  fact(`${label}.first`, one.wall, "ms");
  fact(`${label}.second`, second.wall, "ms");
  if (backend === "cuda") fact(`${label}.used`, (free - available()) / MIB, "MiB");
  fact(`${label}.planned`, device.peakBytes / MIB, "MiB");
  if (backend === "cpu") fact(`${label}.promised`, (device.peakBytes + process) / MIB, "MiB of the process");
  const { program, work, lanes } = job;
  if (work) fact(`${label}.flop`, work.flop, "a run");
  if (work) fact(`${label}.bytes`, work.bytes, "a run, each operand once");
  if (lanes) fact(`${label}.lanes`, lanes, "weights");
  if (program) fact(`${label}.arena`, program.memory.arenaBytes / MIB, "MiB");
  if (program) fact(`${label}.scratch`, program.memory.scratchBytes / MIB, "MiB");
  if (program) fact(`${label}.packed`, program.memory.packedBytes / MIB, "MiB");
  judge(label, [one, second, ...all]);
  if (program && (backend === "cuda" || logs)) await profile(label, program, job.inputs);
}

/** Values must be finite, and a loss on one batch must fall. */
function judge(label: string, runs: readonly Timed[]): void {
  const finite = runs.every((run) => run.finite);
  const losses = runs.flatMap(({ loss }) => loss === undefined ? [] : [loss]);
  if (losses.length) fact(`${label}.losses`, `${losses[0]} to ${losses.at(-1)}`);
  if (!finite) throw new Error(`${label}: a value is not finite`);
  if (losses.length && !(losses.at(-1)! < losses[0])) throw new Error(`${label}: the loss does not fall`);
}

let failed = false;
for (const text of wanted) {
  const [job, batch = "1"] = text.split(":"), label = `${who}.${name}.b${batch}.${job}`;
  if (!JOBS[job]) throw new Error(`there is no job ${job}; the jobs are ${Object.keys(JOBS).join(", ")}`);
  if (!timeFor(label)) continue;
  newPeak();
  try {
    const at = performance.now(), made = await JOBS[job](store, model, Number(batch), dtype);
    await measure(label, made, performance.now() - at);
    made.destroy();
  } catch (error) { // one job less, not all
    failed = true;
    console.log(`error: ${label}: ${(error as Error).message.slice(0, 300)}`);
    if (/was lost/.test((error as Error).message)) break;
  }
}
if (backend === "cuda" && libs === "nvidia") {
  vendorTexts(device.info().vendor!).forEach((line) => console.log(`NOTE ${name} ${line}`));
}
if (logs && spying) writeKernels(`${logs}/kernels-${libs}-${name}.txt`);
const status = Deno.readTextFileSync("/proc/self/status");
fact(`${who}.${name}.process`, Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024, "MiB at most");
Deno.exit(failed ? 1 : 0);
