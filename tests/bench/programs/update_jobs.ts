/** One optimizer step over all weights of a U-Net, and a step that trains all of them. */

import { availableMemory } from "../facts.ts";
import type { DType } from "../../../src/base/dtype.ts";
import type { ParameterStore } from "../../../src/runtime/mod.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { TrainingStep } from "../../../src/training/step/step.ts";
import { allocateGroups, flat, type ParameterGroup, sizeOf } from "../../../src/training/step/trainable.ts";
import { fullStep } from "./graphs.ts";
import type { Job, MakeJob } from "./job.ts";
import { type Model, numbers, parts, unetValues } from "./models.ts";
import { overwrite, scaleOf, upload } from "./weights.ts";
import { sumOf, workOf } from "./work.ts";

/** Optimizers whose step is measured, and bytes that a weight takes with its gradient and states. */
const OPTIMIZERS: Readonly<Record<string, number>> = {
  AdamW: 16,
  AdamW8bit: 10.1,
  Lion: 12,
  Adafactor: 8.1,
  Prodigy: 24,
};
const KEPT_FREE = 3e9;

/** The U-Net's tensors, or as many of the first as memory has room for. */
function trained(model: Model, bytesEach: number): ParameterGroup {
  let room = (availableMemory() - KEPT_FREE) / bytesEach;
  const parameters = [...parts.unet(model)].filter(([, shape]) => (room -= sizeOf(shape)) > 0)
    .map(([name, shape]) => ({ name, shape }));
  return { name: "unet", learningRate: 1e-5, parameters };
}

const update = (type: string): MakeJob => async (store, model) => {
  const group = trained(model, OPTIMIZERS[type]),
    lanes = group.parameters.reduce((n, p) => n + sizeOf(p.shape), 0);
  allocateGroups(store, [group]);
  const step = new TrainingStep<{ batch: number }>(store, {
    groups: [group],
    record: () => {
      throw new RangeError("only the update is measured");
    },
    optimizer: readOptimizer(
      type,
      type === "Adafactor" ? ["relative_step=False", "scale_parameter=False"] : null,
    ),
    maxGradNorm: 1,
    gradientAccumulationSteps: 1,
    scaleLoss: false,
  });
  for (const { name, shape } of group.parameters) {
    if (shape.length > 1) overwrite(store, name, scaleOf(shape));
  }
  const program = await step.updateProgram(step.usualUpdate);
  const states = statesOf(store, lanes), { listing } = program.tables;
  return {
    inputs: {},
    steps: 1,
    lanes,
    // what instructions read and give, and what they change in place
    work: { flop: 0, bytes: sumOf(listing.map(workOf)).bytes + 4 * lanes + states },
    before: () => overwrite(store, flat.gradients(0), 1e-3),
    async once() {
      const { gradNorm } = await step.update([type === "Prodigy" ? 1 : 1e-5]);
      return { gradNorm: [gradNorm] };
    },
    destroy: () => step.destroy(),
  } satisfies Job;
};

/** Bytes of the optimizer's states. */
function statesOf(store: ParameterStore, lanes: number): number {
  const buffers = new Set(store.names().map((name) => store.get(name).buffer));
  return [...buffers].reduce((sum, { bytes }) => sum + bytes, 0) - 8 * lanes;
}

/** Forward, backward and AdamW for every weight of the U-Net; weights in float32, activations in `dtype`. */
const full: MakeJob = async (store, model, batch, dtype: DType) => {
  const group = trained(model, 0);
  allocateGroups(store, [group]);
  upload(store, parts.unet(model), "f32");
  const step = fullStep(store, model, group, dtype), shape = { batch };
  const inputs = { ...unetValues(model, batch), target: numbers("target", batch * model.size ** 2 * 4) };
  const program = await step.program(shape), last = await step.updateProgram(step.usualUpdate);
  return {
    program,
    inputs: { ...inputs, loss_scale: Float32Array.of(1) },
    steps: 1,
    work: sumOf([...program.tables.listing, ...last.tables.listing].map(workOf)),
    async once() {
      const { loss } = await step.backward(shape, inputs), { gradNorm } = await step.update([1e-5]);
      return { loss, gradNorm: [gradNorm] };
    },
    destroy: () => step.destroy(),
  };
};

export const UPDATE_JOBS: Readonly<Record<string, MakeJob>> = {
  full,
  ...Object.fromEntries(Object.keys(OPTIMIZERS).map((type) => [`update_${type}`, update(type)])),
};
