/** One batch of pictures as gen_img.py draws it: its random numbers, text to image and image to image. */

import { joined } from "../../base/joined.ts";
import { UserError } from "../../base/errors.ts";
import { HOW_TO_LIFT, limit } from "../../base/limits.ts";
import type { Pixels } from "../../images/pixels.ts";
import { TorchGenerator } from "../../random/mod.ts";
import { denoise, type DenoisingStep } from "./denoise.ts";
import { toChannelsLast } from "../../base/layout.ts";
import type { NetworkInputs } from "./model.ts";
import type { Guidance, LatentShape, Pipeline } from "./pipeline.ts";
import { fromBytes } from "../pictures/pixels.ts";
import type { PictureRequest, Settings } from "../prompts/requests.ts";
import { createSampler, type Sampler } from "../samplers/mod.ts";
import type { Sampling } from "./sampling.ts";
import { sizedVector } from "../../models/mod.ts";
import type { Conditioning, TextConditioner } from "../prompts/text_conditioner.ts";

export interface Batch {
  /** All with the same settings. */
  readonly requests: readonly PictureRequest[];
  /** Image to image: one RGB picture of the settings' size for each request; null for text to image. */
  readonly images: readonly Pixels[] | null;
}

export interface DrawOptions {
  readonly sampler: string;
  readonly sampling: Sampling;
  readonly networks?: { readonly text: NetworkInputs; readonly unet: NetworkInputs };
  /** Pictures decoded at once. Default 1: the same pictures with the least memory. */
  readonly vaeBatch?: number;
  readonly signal: AbortSignal;
  readonly observe?: (step: DenoisingStep) => void;
  /** Told before sampling begins: what it starts from; for comparisons. */
  readonly inspect?: (state: Start) => void;
  /** Told of all noise that the sampler draws. */
  readonly drawn?: (noise: Float32Array) => void;
}

export interface Start {
  readonly sampler: Sampler;
  readonly guidance: Guidance;
  /** Standard normal, (N, h, w, 4). */
  readonly start: Float32Array;
  /** What the sampler begins with. */
  readonly first: Float32Array;
}

export interface Drawn {
  readonly shape: LatentShape;
  /** (N, h, w, 4) */
  readonly latents: Float32Array;
  /** One (H, W, 3) around [-1, 1] for each request. */
  readonly images: Float32Array[];
}

/** Draws a batch. Throws UserError for sizes that the model cannot have. */
export async function drawBatch(
  pipeline: Pipeline,
  conditioner: TextConditioner,
  batch: Batch,
  options: DrawOptions,
): Promise<Drawn> {
  const { settings } = batch.requests[0], { width, height, steps, strength } = settings;
  checkSize(width, height);
  const shape = { batch: batch.requests.length, height: height / 8, width: width / 8 };
  const sampler = createSampler(options.sampler, { ...options.sampling, steps });
  const guidance = await conditionBatch(conditioner, batch.requests, settings, options.networks);

  const { start, imageNoise, generator } = drawNoise(batch.requests, shape, {
    ahead: steps * (sampler.drawnAhead ?? 1),
    imageToImage: batch.images !== null,
  });
  const draw = () => {
    const values = noise(generator, shape);
    options.drawn?.(values);
    return values;
  };
  let latents: Float32Array, first = 0;
  if (batch.images === null) {
    const sigma = sampler.initNoiseSigma;
    latents = start.map((x) => x * sigma);
  } else {
    const place = imageToImageStart(sampler, strength);
    first = place.first;
    const clean = await encodeImages(pipeline, batch.images, shape, generator);
    latents = sampler.addNoise(clean, imageNoise!, place.noisedAt);
  }
  options.inspect?.({ sampler, guidance, start, first: latents });
  const { signal, observe } = options;
  const final = await denoise(pipeline, {
    sampler,
    shape,
    guidance,
    latents,
    start: first,
    draw,
    signal,
    observe,
  });
  return { shape, latents: final, images: await decodeAll(pipeline, final, shape, options.vaeBatch ?? 1) };
}

/** Pixels of a picture, and of a batch of them. */
const MAX_PIXELS = 2 ** 26, MAX_BATCH_PIXELS = 2 ** 28;

/** Throws UserError for a size that cannot be drawn, or of which `count` are more than any memory holds. */
export function checkSize(width: number, height: number, count = 1): void {
  if (width * height > limit(MAX_PIXELS)) {
    throw new UserError(
      `a picture of ${width}x${height} cannot be drawn; ${MAX_PIXELS} pixels are the most, or ${HOW_TO_LIFT}`,
    );
  }
  if (count * width * height > limit(MAX_BATCH_PIXELS)) {
    throw new UserError(
      `${count} pictures of ${width}x${height} cannot be drawn at once; lower --batch_size, or ${HOW_TO_LIFT}`,
    );
  }
  if (width % 8 === 0 && height % 8 === 0 && width > 0 && height > 0) return;
  throw new UserError(`a picture of ${width}x${height} cannot be drawn; sides are multiples of 8`);
}

/** Prompts and negative prompts of a batch; negative ones only where the scale is above 1. */
async function conditionBatch(
  conditioner: TextConditioner,
  requests: readonly PictureRequest[],
  settings: Settings,
  networks: DrawOptions["networks"],
): Promise<Guidance> {
  const { scale } = settings, guided = scale > 1;
  const prompts = requests.map((r) => r.words);
  const all = guided ? [...prompts, ...requests.map((r) => r.negativePrompt)] : prompts;
  const encoded = await conditioner.encode(all, networks?.text);
  const positive = encoded.slice(0, prompts.length);
  const negative = guided ? encoded.slice(prompts.length) : null;
  return {
    positive,
    negative,
    scale,
    networks: networks?.unet,
    ...sizeVectors(positive, negative, settings),
  };
}

/** SDXL's vectors; null for models without a pooled text. */
export function sizeVectors(
  positive: readonly Conditioning[],
  negative: readonly Conditioning[] | null,
  settings: Omit<Settings, "steps" | "scale" | "strength" | "networkMultipliers" | "loras">,
): Pick<Guidance, "positiveVectors" | "negativeVectors"> {
  const { width, height } = settings;
  const originalHeight = settings.originalHeight ?? height, originalWidth = settings.originalWidth ?? width;
  const sizes = {
    originalHeight,
    originalWidth,
    cropTop: settings.cropTop ?? 0,
    cropLeft: settings.cropLeft ?? 0,
  };
  const negativeSizes = {
    ...sizes,
    originalHeight: settings.originalHeightNegative ?? originalHeight,
    originalWidth: settings.originalWidthNegative ?? originalWidth,
  };
  const vectors = (list: readonly Conditioning[] | null, own: typeof sizes) =>
    list?.every((c) => c.pooled) ? list.map((c) => sizedVector(c.pooled!, { ...own, height, width })) : null;
  return { positiveVectors: vectors(positive, sizes), negativeVectors: vectors(negative, negativeSizes) };
}

/**
 * The random numbers of a batch, in gen_img.py's order: for each picture from its own seed the start, then one draw for
 * each step that is never used, then the noise for image to image. What samplers draw follows the last picture's.
 */
function drawNoise(
  requests: readonly PictureRequest[],
  shape: LatentShape,
  { ahead, imageToImage }: { ahead: number; imageToImage: boolean },
) {
  const one = { ...shape, batch: 1 };
  const generator = new TorchGenerator(0);
  const starts: Float32Array[] = [], imageNoises: Float32Array[] = [];
  requests.forEach(({ seed }, i) => {
    generator.manualSeed(seed);
    starts.push(noise(generator, one));
    if (!imageToImage && i + 1 < requests.length) return;
    for (let step = 0; step < ahead; step++) generator.randn(one.height * one.width * 4);
    if (imageToImage) imageNoises.push(noise(generator, one));
  });
  return {
    start: joined(Float32Array, starts),
    imageNoise: imageToImage ? joined(Float32Array, imageNoises) : null,
    generator,
  };
}

/** randn(N, 4, h, w), channels last. */
export function noise(generator: TorchGenerator, { batch, height, width }: LatentShape): Float32Array {
  return toChannelsLast(generator.randn(batch * 4 * height * width), batch, 4);
}

/**
 * Where image to image begins: the evaluation whose noise is added, and the first one that is run. The latter is one
 * further on, as in the reference, where both count the steps_offset of 1.
 */
function imageToImageStart({ timesteps, stepStarts }: Sampler, strength: number) {
  if (!(strength >= 0 && strength <= 1)) throw new UserError(`strength ${strength} is not within 0 and 1`);
  const steps = stepStarts?.length ?? timesteps.length;
  const offset = 1, count = Math.min(Math.floor(steps * strength) + offset, steps);
  const evaluation = (step: number) => stepStarts ? stepStarts[step] ?? timesteps.length : step;
  return { noisedAt: evaluation(steps - count), first: evaluation(steps - count + offset) };
}

/** The pictures' latents; one that is used for the whole batch is encoded once, and then drawn for once. */
async function encodeImages(
  pipeline: Pipeline,
  images: readonly Pixels[],
  shape: LatentShape,
  generator: TorchGenerator,
): Promise<Float32Array> {
  const different = images.every((image) => image === images[0]) ? images.slice(0, 1) : images;
  const all = { ...shape, batch: different.length }, one = { ...shape, batch: 1 };
  const drawn = noise(generator, all), size = drawn.length / different.length;
  const latents: Float32Array[] = [];
  for (const [i, image] of different.entries()) {
    latents.push(await pipeline.encode(fromBytes(image), drawn.subarray(i * size, (i + 1) * size), one));
  }
  return joined(Float32Array, different.length === 1 ? images.map(() => latents[0]) : latents);
}

/** Decodes `count` pictures at once; the last run may hold fewer. */
async function decodeAll(
  pipeline: Pipeline,
  latents: Float32Array,
  shape: LatentShape,
  count: number,
): Promise<Float32Array[]> {
  const size = shape.height * shape.width * 4, pixels = shape.height * shape.width * 64 * 3;
  const images: Float32Array[] = [];
  for (let i = 0; i < shape.batch; i += count) {
    const batch = Math.min(count, shape.batch - i);
    const decoded = await pipeline.decode(latents.subarray(i * size, (i + batch) * size), {
      ...shape,
      batch,
    });
    for (let k = 0; k < batch; k++) images.push(decoded.subarray(k * pixels, (k + 1) * pixels));
  }
  return images;
}
