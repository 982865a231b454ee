/**
 * Pictures drawn while a model is being trained: sd-scripts' sample_images. Unlike gen_img it allows three chunks and
 * draws no random numbers ahead. The reference also holds the predicted latents in [-1, 1], which are wider than that,
 * so that DDIM gives little but noise; its timesteps have no offset, its BREAK is a word, and SD2's prompts are padded
 * otherwise than captions. Under `compat` so are these; else they are as gen_img has them.
 */

import { Graph, memoryNeeded } from "../graph/mod.ts";
import { loadImage } from "../images/load.ts";
import type { Pixels } from "../images/pixels.ts";
import { randomMask } from "../images/random_mask.ts";
import { resizePillow } from "../images/resampling/pillow.ts";
import { type Family, type LatentShape, latentShape } from "../models/mod.ts";
import { PythonRandom, TorchGenerator } from "../random/mod.ts";
import { denoise, type DenoisingStep } from "./pipeline/denoise.ts";
import { sizeVectors } from "./pipeline/condition.ts";
import type { Start } from "./pipeline/draw.ts";
import { noise } from "./pipeline/noise.ts";
import { checkSize } from "./pipeline/sizes.ts";
import type { DrawingModel, NetworkInputs } from "./pipeline/model.ts";
import { recordDecode } from "./pipeline/autoencoder.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import type { SamplePrompt } from "./prompts/sample_prompt.ts";
import { createSampler, type Prediction, type Sampler } from "./samplers/mod.ts";
import type { TextConditioner } from "./prompts/text_conditioner.ts";
import { paintedInputs } from "./techniques/inpainting.ts";

export interface SampleOptions {
  /** --sample_sampler, for prompts that name none. */
  readonly sampler: string;
  readonly prediction: Prediction;
  /** As it was trained; the reference samples from the plain schedule. */
  readonly zeroTerminalSnr?: boolean;
  /** Pixels, for prompts that say none. */
  readonly size: { readonly width: number; readonly height: number };
  /** The reference's way. */
  readonly compat: boolean;
  readonly networks?: NetworkInputs;
  readonly signal: AbortSignal;
  readonly observe?: (step: DenoisingStep) => void;
  readonly inspect?: (state: Omit<Start, "start">) => void;
}

export interface Sample {
  readonly width: number;
  readonly height: number;
  /** (1, h, w, C) */
  readonly latents: Float32Array;
  /** (H, W, 3) around [-1, 1] */
  readonly image: Float32Array;
}

/** The text settings that training's pictures use; clipSkip null takes the last layer (SDXL: the one before). */
export function sampleConditioner(
  pipeline: Pipeline,
  { clipSkip, compat }: { clipSkip: number | null; compat: boolean },
  warn?: (text: string) => void,
): Promise<TextConditioner> {
  const { text } = pipeline.model.family;
  return pipeline.conditioner({
    clipSkip: text.trainedLayer(clipSkip),
    normalization: "original",
    maxChunks: 3,
    knowsBreak: !compat,
    padWithEos: compat && text.samplesPadWithEos,
  }, warn);
}

/** Throws UserError for what cannot be drawn: steps that the sampler cannot take, a size beyond reason. */
export function checkSample(
  prompt: SamplePrompt,
  options: Pick<SampleOptions, "sampler" | "prediction" | "zeroTerminalSnr" | "compat" | "size">,
  { size }: Family,
): void {
  samplerFor(prompt, options);
  checkSize(sizeOf(prompt, options.size, size.multiple), size.multiple);
}

function samplerFor(
  { sampler, steps }: SamplePrompt,
  options: Pick<SampleOptions, "sampler" | "prediction" | "zeroTerminalSnr" | "compat">,
): Sampler {
  const { prediction, zeroTerminalSnr, compat } = options;
  return createSampler(sampler ?? options.sampler, {
    steps,
    prediction,
    zeroTerminalSnr: zeroTerminalSnr && !compat,
    compat,
    stepsOffset: compat ? 0 : 1,
    clipSample: compat,
  });
}

/** Sides are at least so many pixels. */
const LEAST = 64;

/** Draws one picture. The weights may have changed since the last one: call `conditioner.forget()` then. */
export async function drawSample(
  pipeline: Pipeline,
  conditioner: TextConditioner,
  prompt: SamplePrompt,
  options: SampleOptions,
): Promise<Sample> {
  const { latent, size: { multiple } } = pipeline.model.family;
  const { width, height } = sizeOf(prompt, options.size, multiple);
  const shape = latentShape(latent, 1, { width, height });
  const { scale } = prompt, { networks, signal, observe } = options;
  const sampler = samplerFor(prompt, options);
  const texts = scale > 1 ? [prompt.prompt, prompt.negativePrompt] : [prompt.prompt];
  const [positive, negative] = await conditioner.encode(texts, networks);
  const vectors = sizeVectors([positive], negative ? [negative] : null, {
    width,
    height,
    originalWidth: null,
    originalHeight: null,
    originalWidthNegative: null,
    originalHeightNegative: null,
    cropTop: null,
    cropLeft: null,
  });
  const seed = prompt.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const guidance = {
    positive: [positive],
    negative: negative ? [negative] : null,
    scale,
    networks,
    ...vectors,
  };

  const generator = new TorchGenerator(seed);
  const sigma = sampler.initNoiseSigma;
  const latents = noise(generator, shape).map((x) => x * sigma);
  options.inspect?.({ sampler, guidance, first: latents });
  const draw = (size: LatentShape) => noise(generator, size);
  const { controlImage } = prompt, { controls } = pipeline.model;
  const control = controlImage !== null && controls
    ? await controls.begin(pipeline.programs, [[await loadImage(controlImage)]], shape, latent.factor)
    : undefined;
  const painted = pipeline.inpaints ? await paintedSample(pipeline, prompt.image, shape, seed) : null;
  const { latents: final } = await denoise(pipeline, {
    painted: painted ? () => Promise.resolve(painted) : undefined,
    sampler,
    shape,
    guidance,
    control,
    latents,
    start: 0,
    draw,
    signal,
    observe,
  });
  return { width, height, latents: final, image: await pipeline.decode(final, shape) };
}

/** What an inpainting model sees: the picture with a random part hidden, which `seed` chooses, or nothing of one. */
async function paintedSample(
  pipeline: Pipeline,
  path: string | null,
  shape: LatentShape,
  seed: number,
): Promise<Float32Array> {
  if (path === null) return await paintedInputs(pipeline, { images: null }, shape);
  const { factor } = pipeline.model.family.latent;
  const width = factor * shape.width, height = factor * shape.height;
  const image = resizePillow(await loadImage(path), width, height, "lanczos");
  const hidden = randomMask(width, height, new PythonRandom(seed));
  const data = Uint8Array.from({ length: 3 * hidden.length }, (_, i) => 255 * hidden[Math.floor(i / 3)]);
  const mask: Pixels = { width, height, channels: 3, data };
  return await paintedInputs(pipeline, { images: [image], masks: [mask] }, shape);
}

/** What drawing these prompts takes most of its memory for: the decoder, on the largest picture. */
export function sampleMemory(
  model: DrawingModel,
  prompts: readonly SamplePrompt[],
  size: SampleOptions["size"],
): { arenaBytes: number; missingBytes: number } {
  const pixels = (s: SampleOptions["size"]) => s.width * s.height;
  const { latent, size: { multiple } } = model.family;
  const sizes = prompts.map((prompt) => sizeOf(prompt, size, multiple));
  const largest = sizes.reduce((a, b) => pixels(b) > pixels(a) ? b : a);
  const graph = new Graph();
  recordDecode(graph, model, latentShape(latent, 1, largest));
  return memoryNeeded(graph, model.store);
}

function sizeOf(
  { width, height }: SamplePrompt,
  size: SampleOptions["size"],
  multiple: number,
): SampleOptions["size"] {
  const side = (pixels: number) => Math.max(LEAST, pixels - pixels % multiple);
  return { width: side(width ?? size.width), height: side(height ?? size.height) };
}
