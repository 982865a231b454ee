/**
 * rates.ts [--device cuda] [--libs nvidia] [--only PATTERN]: how fast single ops are: the best microseconds of one, of
 * up to 20 in one graph where the spy can time that, else of one by the program's profile.
 */

import { compile, gradients, Graph, mul, sum } from "../../src/graph/mod.ts";
import { type Device, ParameterStore, type Program } from "../../src/runtime/mod.ts";
import { fact } from "./facts.ts";
import { type Op, OPS } from "./programs/ops.ts";
import { backend, ceiling, dtype, libs, logs, once, only, open, timeFor } from "./options.ts";
import { counts, since, spying, writeKernels } from "./spy.ts";
import { fill, scaleOf } from "./programs/weights.ts";
import { rateText, workOf } from "./programs/work.ts";

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const who = backend === "cpu" ? "cpu" : libs;
const ROUNDS = once ? 1 : 10;

/** The op's operands on the device, and a program that runs it `repeats` times, or its gradient once. */
async function recorded(store: ParameterStore, op: Op): Promise<{ program: Program; repeats: number }> {
  const graph = new Graph(), isAttention = op.lines.source.startsWith("^attention");
  const x = op.shapes.map((shape, i) => {
    fill(
      store,
      `x${i}`,
      shape,
      i === 0 || shape.length < 2 || isAttention ? 1 : scaleOf(shape),
      dtype,
      i > 0,
    );
    return graph.parameter(`x${i}`, shape, dtype);
  });
  const y = op.build(...x);
  if (op.gradient) {
    fill(store, "dy", y.shape, 1, dtype, false);
    const weighted = sum(mul(y, graph.parameter("dy", y.shape, dtype)));
    gradients(weighted, x).forEach((d, i) => d && graph.output(`d${i}`, d));
    return { program: await compile(graph, store), repeats: 1 };
  }
  const most = once || backend === "cpu" ? 1 : 20;
  const repeats = Math.max(1, Math.min(most, Math.floor(5e8 / (count(y.shape) * 2))));
  graph.output("y0", y);
  for (let k = 1; k < repeats; k++) graph.output(`y${k}`, op.build(...x));
  return { program: await compile(graph, store), repeats };
}

/** Runs without reading results back, which would take longer than the op. */
async function replay(device: Device, program: Program): Promise<number> {
  const before = counts();
  device.check(await device.symbols.easel_program_run(device.pointer, program.handle));
  return since(before).replayMs;
}

async function rate(device: Device, op: Op): Promise<void> {
  const store = new ParameterStore(device), { program, repeats } = await recorded(store, op);
  const line = program.tables.listing.find((text) => op.lines.test(text))!;
  let least = Infinity;
  for (let k = 0; k < ROUNDS; k++) {
    const counted = (await program.profile()).filter(({ instruction }) => op.lines.test(instruction));
    least = Math.min(least, ...counted.map(({ seconds }) => seconds * 1e3));
  }
  if (spying && !op.gradient && !once) {
    for (let k = 0; k < 2; k++) await replay(device, program); // the second records the graph
    let best = Infinity;
    for (let k = 0; k < ROUNDS; k++) best = Math.min(best, await replay(device, program) / repeats);
    if (best > 0) least = best;
  }
  fact(`${who}.${op.name}`, least * 1e3, `us ${rateText(least, workOf(line), ceiling)}`);
  program.destroy();
  store.destroy();
}

const device = open();
let failed = false;
for (const op of OPS.filter(({ name }) => only.test(name))) {
  if (!timeFor(op.name)) continue;
  try {
    await rate(device, op);
  } catch (error) {
    failed = true;
    console.log(`error: ${who}.${op.name}: ${(error as Error).message.slice(0, 300)}`);
    if (/was lost/.test((error as Error).message)) break;
  }
}
if (logs && spying) writeKernels(`${logs}/kernels-${libs}-rates.txt`);
Deno.exit(failed ? 1 : 0);
