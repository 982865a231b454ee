/** A parameter that is several tensors in sd-scripts steps as these do, each by its own norms and means. */
import { notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { add, cast, type Graph, mul, reshape, slice, sum } from "../../../src/graph/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { type StepOptions, TrainingStep } from "../../../src/training/step/step.ts";
import { allocateGroups, type Trainable, weightOf } from "../../../src/training/step/trainable.ts";
import { relL2 } from "../../golden/compare.ts";
import { device } from "../../kernels/devices.ts";
import { normal } from "../../kernels/check_op.ts";

const ROWS = 24, PARTS = 3, WIDTHS = { w: [40], b: [] } as const;
type Shape = Record<string, never>;
type Options = Partial<StepOptions<Shape>>;

const shapeOf = (name: keyof typeof WIDTHS, rows: number) => [rows, ...WIDTHS[name]];
const NAMES = Object.keys(WIDTHS) as (keyof typeof WIDTHS)[];
/** Parts of very different sizes, so that it shows where one limits another. */
const values = (name: keyof typeof WIDTHS, seed: number) => {
  const all = normal(shapeOf(name, PARTS * ROWS), seed).values as Float32Array;
  return all.map((x, i) => x * 10 ** -Math.floor(PARTS * i / all.length));
};

/** What three steps make of the weights, which are of `parts` or one by one. */
async function stepped(type: string, apart: boolean, parts: number, options: Options) {
  const store = new ParameterStore(device("cpu")), count = apart ? PARTS : 1;
  const parameters = NAMES.flatMap((name) =>
    Array.from({ length: count }, (_, k): Trainable => ({
      name: `${name}${k}`,
      shape: shapeOf(name, PARTS * ROWS / count),
      ...apart ? {} : { parts },
    }))
  );
  const groups = [{ name: "text_encoder2", learningRate: 0.01, parameters }];
  allocateGroups(store, groups, { gradients: !options.fused });
  const rowsOf = (all: Float32Array, k: number) =>
    all.subarray(k * all.length / count, (k + 1) * all.length / count);
  const eachPart = (of: (name: keyof typeof WIDTHS, k: number) => void) =>
    NAMES.forEach((name) => Array.from({ length: count }, (_, k) => of(name, k)));
  eachPart((name, k) => store.set(`${name}${k}`, rowsOf(values(name, 1), k)));
  const loss = (graph: Graph) =>
    parameters.map((p) => {
      const [name, k] = [p.name[0] as keyof typeof WIDTHS, Number(p.name[1])];
      const x = graph.input(name, shapeOf(name, PARTS * ROWS));
      const weight = cast(weightOf(graph, {}, p), "f32");
      return reshape(sum(mul(weight, slice(x, 0, k * p.shape[0], p.shape[0]))), [1]);
    }).reduce((a, b) => add(a, b));
  const step = new TrainingStep<Shape>(store, {
    ...{ groups, optimizer: readOptimizer(type, null), maxGradNorm: 1 },
    ...{ gradientAccumulationSteps: 1, scaleLoss: false },
    record: (graph) => ({ loss: loss(graph) }),
    ...options,
  });
  for (let k = 0; k < 3; k++) {
    await step.backward({}, Object.fromEntries(NAMES.map((name) => [name, values(name, 10 + k)])), [0.01]);
    strictEqual((await step.update([0.01])).heldBack, null);
  }
  const made = new Map<string, Float32Array>();
  for (const name of NAMES) {
    const all = Array.from({ length: count }, (_, k) => store.download(`${name}${k}`) as Float32Array);
    made.set(name, Float32Array.from(all.flatMap((part) => [...part])));
  }
  step.destroy();
  store.destroy();
  return made;
}

const WAYS: Readonly<Record<string, Options>> = {
  "all at once": {},
  "each clipped": { clipEach: true },
  "gathered": { gradientAccumulationSteps: 2 },
  "within the backward program": { fused: true },
};

for (const type of ["Adafactor", "torch.optim.Adafactor", "CAME", "AdamW"]) {
  for (const [way, options] of Object.entries(WAYS)) {
    if (type === "AdamW" && !options.clipEach && !options.fused) continue;
    Deno.test(`${type}, ${way}: a parameter of parts steps as these would`, async () => {
      const whole = await stepped(type, false, PARTS, options), apart = await stepped(type, true, 1, options);
      const one = await stepped(type, false, 1, options);
      for (const name of NAMES) {
        const distance = relL2(whole.get(name)!, apart.get(name)!);
        ok(distance < 1e-6, `${name}: ${distance}`);
        if (type === "Adafactor") notStrictEqual(relL2(one.get(name)!, apart.get(name)!) < 1e-4, true, name);
      }
    });
  }
}
