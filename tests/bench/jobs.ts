/** What measure.ts times: programs with their inputs, to be run again and again. */

import { compile, type Graph } from "../../src/graph/mod.ts";
import { denoise } from "../../src/generation/pipeline/denoise.ts";
import type { DrawingModel } from "../../src/generation/pipeline/model.ts";
import { BOUNDED } from "../../src/generation/pipeline/parts/bands.ts";
import { Pipeline } from "../../src/generation/pipeline/pipeline.ts";
import { createSampler } from "../../src/generation/samplers/mod.ts";
import type { ParameterStore, Values } from "../../src/runtime/mod.ts";
import { allocateGroups } from "../../src/training/step/trainable.ts";
import { decodeGraph, forwardGraph, loraOf, loraStep, textGraph } from "./graphs.ts";
import { numbers, parts, unetValues } from "./models.ts";
import { tiny } from "./options.ts";
import type { Job, MakeJob } from "./job.ts";
import { UPDATE_JOBS } from "./update_jobs.ts";
import { scaleOf, setTrained, upload } from "./weights.ts";
import { sumOf, workOf } from "./work.ts";

async function plain(store: ParameterStore, graph: Graph, inputs: Record<string, Values>): Promise<Job> {
  const program = await compile(graph, store);
  return {
    program,
    inputs,
    steps: 1,
    work: sumOf(program.tables.listing.map(workOf)),
    once: () => program.run(inputs),
    destroy: () => program.destroy(),
  };
}

const forward: MakeJob = (store, model, batch, dtype) => {
  upload(store, parts.unet(model), dtype);
  return plain(store, forwardGraph(model, batch, dtype), unetValues(model, batch));
};

const decoding: MakeJob = (store, model, batch, dtype) => {
  upload(store, parts.vae(model), dtype);
  const latents = numbers("latents", batch * model.size ** 2 * 4);
  return plain(store, decodeGraph(model, batch, dtype), { latents });
};

const text: MakeJob = (store, model, batch, dtype) => {
  upload(store, parts.text(model), dtype);
  const ids = Int32Array.from({ length: 77 * batch }, (_, i) => (i * 37) % 3000);
  const inputs: Record<string, Values> = {};
  model.family.textEncoders.forEach((_, i) => inputs[`ids.${i}`] = ids);
  if (model.family.text.pooled) inputs.eosRows = Int32Array.from({ length: batch }, (_, n) => 77 * n + 76);
  return plain(store, textGraph(model, batch, dtype), inputs);
};

const training = (recompute: boolean): MakeJob => async (store, model, batch, dtype) => {
  upload(store, parts.unet(model), dtype);
  const { groups } = loraOf(model);
  if (!store.has("train/0")) allocateGroups(store, groups);
  for (const { name, shape } of groups[0].parameters) {
    setTrained(store, name, shape, name.includes("down") ? scaleOf(shape) : 0); // as a new training starts
  }
  // the optimizer's states are there from the first step on
  for (
    const kept of ["train/0/grad", "train/0/exp_avg", "train/0/exp_avg_sq"].filter((name) => store.has(name))
  ) {
    setTrained(store, kept, store.get(kept).shape, 0);
  }
  const step = loraStep(store, model, dtype, recompute), shape = { batch };
  const inputs = { ...unetValues(model, batch), target: numbers("target", batch * model.size ** 2 * 4) };
  const program = await step.program(shape), last = await step.updateProgram(step.usualUpdate);
  return {
    program,
    work: sumOf([...program.tables.listing, ...last.tables.listing].map(workOf)),
    inputs: { ...inputs, loss_scale: Float32Array.of(1) },
    steps: 1,
    async once() {
      const { loss } = await step.backward(shape, inputs), { gradNorm } = await step.update([1e-4]);
      return { loss, gradNorm: [gradNorm] };
    },
    destroy: () => step.destroy(),
  };
};

const STEPS = tiny ? 2 : 10;

/** gen_img's sampling loop with classifier-free guidance; decoding is measured for itself. */
const drawing: MakeJob = (store, model, batch, dtype) => {
  upload(store, parts.unet(model), dtype);
  const { size, family, unet: { contextWidth, vectorWidth } } = model;
  const drawn: DrawingModel = {
    family,
    shapes: parts.unet(model),
    store,
    source: model.name,
    dtype,
    vaeDtype: dtype,
  };
  const pipeline = new Pipeline(drawn);
  const each = <T>(make: () => T) => Array.from({ length: batch }, make);
  const conditioning = { context: numbers("context", 77 * contextWidth), tokens: 77, pooled: null };
  const vectors = vectorWidth ? each(() => numbers("vector", vectorWidth)) : null;
  const guidance = {
    positive: each(() => conditioning),
    negative: each(() => conditioning),
    scale: 7.5,
    positiveVectors: vectors,
    negativeVectors: vectors,
  };
  const sampler = createSampler("euler_a", {
    steps: STEPS,
    prediction: "epsilon",
    stepsOffset: 1,
    clipSample: false,
  });
  const noise = numbers("noise", batch * size * size * 4), { signal } = new AbortController();
  const latents = noise.map((x) => x * sampler.initNoiseSigma);
  const shape = { batch, channels: family.latent.channels, height: size, width: size };
  return Promise.resolve({
    inputs: {},
    steps: STEPS,
    once: async () => {
      const run = { sampler, shape, guidance, latents, start: 0, draw: () => noise, signal };
      return { latents: (await denoise(pipeline, run)).latents };
    },
    destroy: () => pipeline.destroy(),
  });
};

/** `--vae_tiling`: one picture of `side` pixels through the decoder in bands. */
const tiled = (side: number): MakeJob => (store, model, batch, dtype) => {
  upload(store, parts.vae(model), dtype);
  const { family, name } = model, size = (tiny ? side / 16 : side) / 8;
  const shapes = parts.vae(model);
  const drawn: DrawingModel = { family, shapes, store, source: name, dtype, vaeDtype: dtype };
  const pipeline = new Pipeline(drawn, BOUNDED);
  const shape = { batch, channels: family.latent.channels, height: size, width: size };
  const latents = numbers("latents", batch * size ** 2 * shape.channels);
  return Promise.resolve({
    inputs: {},
    steps: 1,
    once: async () => ({ image: await pipeline.decode(latents, shape) }),
    destroy: () => pipeline.destroy(),
  });
};

export const JOBS: Readonly<Record<string, MakeJob>> = {
  forward,
  step: training(false),
  recompute: training(true),
  decode: decoding,
  tiled_1024: tiled(1024),
  tiled_2048: tiled(2048),
  text,
  draw: drawing,
  ...UPDATE_JOBS,
};
