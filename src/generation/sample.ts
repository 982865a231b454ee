/**
 * Pictures drawn while a model is being trained: sd-scripts' sample_images, whose way differs from gen_img's. Timesteps
 * have no offset, DDIM clips, BREAK is a word, three chunks are allowed, and no random numbers are drawn ahead.
 */

import { TorchGenerator } from "../random/mod.ts";
import { denoise, type DenoisingStep } from "./denoise.ts";
import { noise, sizeVectors, type Start } from "./draw.ts";
import type { NetworkInputs } from "./model.ts";
import type { Pipeline } from "./pipeline.ts";
import type { SamplePrompt } from "./sample_prompt.ts";
import { createScheduler, type Prediction } from "./schedulers/mod.ts";
import type { TextConditioner } from "./text_conditioner.ts";

export interface SampleOptions {
  /** --sample_sampler, for prompts that name none. */
  readonly sampler: string;
  readonly prediction: Prediction;
  readonly networks?: NetworkInputs;
  readonly signal: AbortSignal;
  readonly observe?: (step: DenoisingStep) => void;
  readonly inspect?: (state: Omit<Start, "start">) => void;
}

export interface Sample {
  readonly width: number;
  readonly height: number;
  /** (1, h, w, 4) */
  readonly latents: Float32Array;
  /** (H, W, 3) around [-1, 1] */
  readonly image: Float32Array;
}

/** The text settings that training's pictures use; clipSkip null takes the last layer (SDXL: the one before). */
export function sampleConditioner(
  pipeline: Pipeline,
  clipSkip: number | null,
  warn?: (text: string) => void,
): Promise<TextConditioner> {
  const sdxl = pipeline.model.family === "sdxl";
  return pipeline.conditioner({
    clipSkip: sdxl ? 2 : clipSkip ?? 1, // the reference does not look at clip_skip for SDXL
    normalization: "original",
    maxChunks: 3,
    knowsBreak: false,
    padWithEos: !sdxl,
  }, warn);
}

/** Draws one picture. The weights may have changed since the last one: call `conditioner.forget()` then. */
export async function drawSample(
  pipeline: Pipeline,
  conditioner: TextConditioner,
  prompt: SamplePrompt,
  options: SampleOptions,
): Promise<Sample> {
  const width = Math.max(64, prompt.width - prompt.width % 8),
    height = Math.max(64, prompt.height - prompt.height % 8);
  const shape = { batch: 1, height: height / 8, width: width / 8 };
  const { scale, steps } = prompt, { prediction, networks, signal, observe } = options;
  const scheduler = createScheduler(prompt.sampler ?? options.sampler, {
    steps,
    prediction,
    stepsOffset: 0,
    clipSample: true,
  });
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
  const guidance = {
    positive: [positive],
    negative: negative ? [negative] : null,
    scale,
    networks,
    ...vectors,
  };

  const generator = new TorchGenerator(prompt.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const sigma = scheduler.initNoiseSigma;
  const latents = noise(generator, shape).map((x) => x * sigma);
  options.inspect?.({ scheduler, guidance, first: latents });
  const draw = () => noise(generator, shape);
  const final = await denoise(pipeline, {
    scheduler,
    shape,
    guidance,
    latents,
    start: 0,
    draw,
    signal,
    observe,
  });
  return { width, height, latents: final, image: await pipeline.decode(final, shape) };
}
