/** Updates that are known to leave finite weights do not go over them to see it, and are the same to the last bit. */
import { deepEqual, ok, strictEqual } from "node:assert/strict";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { openNetworkRun } from "../../../src/training/jobs/network_run.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { TrainingStep } from "../../../src/training/step/step.ts";
import { allocateGroups, type ParameterGroup } from "../../../src/training/step/trainable.ts";
import type { UpdateOptions, UpdateWay } from "../../../src/training/step/recorded/update.ts";
import { workOf } from "../../bench/programs/work.ts";
import { normal } from "../../kernels/check_op.ts";
import { device } from "../../kernels/devices.ts";
import { listening, tinyRun } from "../tiny_run.ts";

const SHAPES = { a: [72, 80], b: [40] };
const COUNT = 72 * 80 + 40;

/** A step over two parameters, the ways that its updates were made, and what they gave. */
function watched(
  type: string,
  more: Partial<UpdateOptions> & { dtype?: ParameterGroup["dtype"] } = {},
  shapes: Readonly<Record<string, number[]>> = SHAPES,
) {
  const store = new ParameterStore(device("cpu"));
  const parameters = Object.entries(shapes).map(([name, shape]) => ({ name, shape }));
  const groups = [{ name: "unet", learningRate: 1e-3, parameters, dtype: more.dtype }];
  allocateGroups(store, groups);
  const step = new TrainingStep(store, {
    groups,
    record: () => {
      throw new RangeError("only updates are made");
    },
    optimizer: readOptimizer(type, null),
    maxGradNorm: 1,
    gradientAccumulationSteps: 1,
    scaleLoss: false,
    ...more,
  });
  for (const [k, [name, shape]] of Object.entries(shapes).entries()) store.set(name, values(shape, k));
  const ways: (UpdateWay | undefined)[] = [], make = step.updateProgram.bind(step);
  step.updateProgram = (way) => make((ways.push(way), way));
  /** One update with random gradients, of which the first is `first`. */
  const update = (seed: number, rate: number, first?: number) => {
    const grad = values(SHAPES.a, seed), { buffer, offset } = store.get("grad/a");
    if (first !== undefined) grad[0] = first;
    store.device.upload(buffer, offset, new Uint8Array(grad.buffer));
    return step.update([rate]);
  };
  const held = () =>
    store.names().filter((name) => name.startsWith("train/") && !name.endsWith("/grad"))
      .map((name) => [name, store.download(name)] as const);
  return { store, step, ways, update, held };
}

const values = (shape: readonly number[], seed: number) => normal([...shape], seed).values as Float32Array;

const TYPES = [
  "AdamW",
  "AdamW8bit",
  "Lion",
  "Prodigy",
  "SGD",
  "AdamWScheduleFree",
  "DAdaptAdam",
  "Adafactor",
];

for (const type of TYPES) {
  Deno.test(`${type}: what is foreseen is made as it is when it is looked at`, async () => {
    for (const dtype of type === "AdamW" ? ["f32", "bf16"] as const : ["f32"] as const) {
      const foreseen = watched(type, { dtype }), looked = watched(type, { dtype, afterUpdate: () => ({}) });
      const rate = foreseen.step.options.optimizer.shared ? 1 : 1e-3;
      for (let k = 0; k < 5; k++) {
        for (const { update } of [foreseen, looked]) strictEqual((await update(10 + k, rate)).heldBack, null);
      }
      deepEqual(foreseen.ways, ["checked", ...Array(4).fill("foreseen")]);
      deepEqual(looked.ways, Array(5).fill("checked"));
      deepEqual(foreseen.held(), looked.held());
      for (const { step } of [foreseen, looked]) step.destroy();
    }
  });
}

Deno.test("gradients that are not finite change nothing, weights that would not be are looked at first", async () => {
  const { store, step, ways, update, held } = watched("AdamW");
  for (let k = 0; k < 2; k++) await update(k, 1e-3);
  const before = held();
  strictEqual((await update(2, 1e-3, NaN)).heldBack, "gradients");
  deepEqual(held(), before);
  strictEqual((await update(3, 1e39)).heldBack, "weights");
  deepEqual(held(), before);
  strictEqual((await update(4, 1e-3)).heldBack, null);
  store.set("b", values(SHAPES.b, 9));
  strictEqual((await update(5, 1e-3)).heldBack, null);
  deepEqual(ways, ["checked", "foreseen", "foreseen", "checked", "foreseen", "checked"]);
  step.destroy();
});

Deno.test("weights that somebody else made infinite are not foreseen to be finite", async () => {
  const { store, step, update } = watched("Lion");
  for (let k = 0; k < 2; k++) await update(k, 1e-3);
  store.set("b", values(SHAPES.b, 9).fill(Infinity));
  strictEqual((await update(3, 1e-3)).heldBack, "weights");
  step.destroy();
});

Deno.test("without clipping, and without an eps that keeps steps small, weights are looked at", async () => {
  const unclipped = watched("AdamW", { maxGradNorm: 0 });
  const bare = watched("AdamW", { optimizer: readOptimizer("AdamW", ["eps=0"]) });
  for (const { update } of [unclipped, bare]) for (let k = 0; k < 3; k++) await update(k, 1e-3);
  deepEqual(unclipped.ways, ["checked", "checked", "checked"]);
  ok(!bare.ways.includes("foreseen"));
  for (const { step } of [unclipped, bare]) step.destroy();
});

/**
 * Bytes that instructions name for each weight: the norm, and what is read and written in place, each array once. Adafactor
 * reads gradients for the sums of rows, those of columns and the step's size, and weights for their own.
 */
const BYTES = { AdamW: 4 + 16, AdamW8bit: 4 + 10, Lion: 4 + 12, Prodigy: 4 + 16 + 24, Adafactor: 4 + 16 + 8 };

for (const [type, bytes] of Object.entries(BYTES)) {
  Deno.test(`${type} goes over memory as often as its formula needs`, async () => {
    const { step } = watched(type), { tables } = await step.updateProgram("foreseen");
    const named = tables.listing.reduce((sum, line) => sum + workOf(line).bytes, 0);
    ok(
      named >= bytes * COUNT && named < (bytes + 2) * COUNT, // numbers, means and codes of chains
      `${named / COUNT} bytes a weight, not ${bytes}`,
    );
    step.destroy();
  });
}

Deno.test("Adafactor's new means of kernels of 3 by 3 are written once, where they are kept", async () => {
  const { step } = watched("Adafactor", {}, { a: [32, 32, 3, 3] }), count = 32 * 32 * 9;
  const { tables } = await step.updateProgram("foreseen"), third = 4 / 3;
  // the norm, the weights' own size, rows and columns, what becomes of both, the step's size, and the step
  const bytes = 4 + 4 + 2 * (4 + third) + 4 * third + 5 * third + (4 + 2 * third) + (8 + 2 * third);
  const named = tables.listing.reduce((sum, line) => sum + workOf(line).bytes, 0) / count;
  ok(named >= bytes && named < bytes + 2, `${named} bytes a weight, not ${bytes}`);
  step.destroy();
});

Deno.test("trainings make most updates so", async () => {
  const { dir, config } = tinyRun(), run = await openNetworkRun(config, listening());
  strictEqual(run.training.step.usualUpdate, "foreseen");
  run.close();
  Deno.removeSync(dir, { recursive: true });
});
