/** What measure.ts times: programs with their inputs, to be run again and again. */

import type { DType } from "../../../src/base/dtype.ts";
import { compile, type Graph } from "../../../src/graph/mod.ts";
import { denoise } from "../../../src/generation/pipeline/denoise.ts";
import { type Bands, BOUNDED } from "../../../src/generation/pipeline/parts/bands.ts";
import { Pipeline } from "../../../src/generation/pipeline/pipeline.ts";
import type { Conditioning } from "../../../src/generation/prompts/text_conditioner.ts";
import { createSampler } from "../../../src/generation/samplers/mod.ts";
import type { LatentShape, Shapes } from "../../../src/models/mod.ts";
import type { ParameterStore, Values } from "../../../src/runtime/mod.ts";
import { allocateGroups } from "../../../src/training/step/trainable.ts";
import { decodeGraph, forwardGraph, loraOf, loraStep, textGraph } from "./graphs.ts";
import { type Model, numbers, parts, unetValues } from "./models.ts";
import { tiny } from "../options.ts";
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

/** What draws with made-up weights of these parts. */
function pipelineOf(
  store: ParameterStore,
  { family, name }: Model,
  shapes: Shapes,
  dtype: DType,
  bands: Bands | null = null,
): Pipeline {
  upload(store, shapes, dtype);
  return new Pipeline({ family, shapes, store, source: name, dtype, vaeDtype: dtype }, bands);
}

/** gen_img's sampling loop with classifier-free guidance: `count` steps from noise to latents. */
function sampled(
  pipeline: Pipeline,
  { size, family, unet: { vectorWidth } }: Model,
  batch: number,
  count: number,
): (
  positive: Conditioning,
  negative: Conditioning,
) => Promise<{ latents: Float32Array; shape: LatentShape }> {
  const each = <T>(of: T) => Array.from({ length: batch }, () => of);
  const vectors = vectorWidth ? each(numbers("vector", vectorWidth)) : null;
  const sampler = createSampler("euler_a", {
    steps: count,
    prediction: "epsilon",
    stepsOffset: 1,
    clipSample: false,
  });
  const noise = numbers("noise", batch * size * size * 4), { signal } = new AbortController();
  const latents = noise.map((x) => x * sampler.initNoiseSigma);
  const shape = { batch, channels: family.latent.channels, height: size, width: size };
  return (positive, negative) => {
    const guidance = {
      ...{ positive: each(positive), negative: each(negative), scale: 7.5 },
      ...{ positiveVectors: vectors, negativeVectors: vectors },
    };
    return denoise(pipeline, { sampler, shape, guidance, latents, start: 0, draw: () => noise, signal });
  };
}

const STEPS = tiny ? 2 : 10;

/** Steps alone, for their rate. */
const drawing: MakeJob = (store, model, batch, dtype) => {
  const pipeline = pipelineOf(store, model, parts.unet(model), dtype);
  const sample = sampled(pipeline, model, batch, STEPS), { contextWidth } = model.unet;
  const text = { context: numbers("context", 77 * contextWidth), tokens: 77, pooled: null };
  return Promise.resolve({
    inputs: {},
    steps: STEPS,
    once: async () => ({ latents: (await sample(text, text)).latents }),
    destroy: () => pipeline.destroy(),
  });
};

const PICTURE_STEPS = tiny ? 2 : 20;

/** A whole picture: prompt and negative prompt encoded, PICTURE_STEPS steps with guidance, decoded. */
const picture: MakeJob = async (store, model, batch, dtype) => {
  const shapes = new Map([...parts.text(model), ...parts.unet(model), ...parts.vae(model)]);
  const pipeline = pipelineOf(store, model, shapes, dtype);
  const conditioner = await pipeline.conditioner({
    ...{ clipSkip: null, normalization: "original", maxChunks: 1, knowsBreak: true, padWithEos: false },
  });
  const sample = sampled(pipeline, model, batch, PICTURE_STEPS);
  return {
    inputs: {},
    steps: 1,
    once: async () => {
      conditioner.forget();
      const [positive, negative] = await conditioner.encode(["a cat on a roof", "blurry, dark"]);
      const { latents, shape } = await sample(positive, negative);
      return { image: await pipeline.decode(latents, shape) };
    },
    destroy: () => pipeline.destroy(),
  };
};

/** `--vae_tiling`: one picture of `side` pixels through the decoder in bands. */
const tiled = (side: number): MakeJob => (store, model, batch, dtype) => {
  const { family } = model, size = (tiny ? side / 16 : side) / 8;
  const decoder = new Map([...parts.vae(model)].filter(([key]) => !/\.(encoder|quant_conv)\./.test(key)));
  const pipeline = pipelineOf(store, model, decoder, dtype, BOUNDED);
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
  picture,
  ...UPDATE_JOBS,
};
