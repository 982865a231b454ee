/** One batch of pictures as gen_img.py draws it: its random numbers, text to image and image to image. */

import { joined } from "../../base/joined.ts";
import type { Pixels } from "../../images/pixels.ts";
import type { TorchGenerator } from "../../random/mod.ts";
import { fromBytes } from "../pictures/pixels.ts";
import type { PictureRequest } from "../prompts/requests.ts";
import type { TextConditioner } from "../prompts/text_conditioner.ts";
import { createSampler, type Sampler } from "../samplers/mod.ts";
import type { Controls } from "../techniques/control/controls.ts";
import { Growing } from "../techniques/gradual_latent.ts";
import type { Pulls } from "../techniques/guidance/pulls.ts";
import type { PictureEmbedder } from "../techniques/guidance/seen_pictures.ts";
import { keeping, paintedBySize } from "../techniques/inpainting.ts";
import { conditionBatch } from "./condition.ts";
import { denoise, type DenoisingStep } from "./denoise.ts";
import type { DrawnNetworks } from "./networks.ts";
import { imageStart } from "./image_start.ts";
import { drawNoise, noise } from "./noise.ts";
import { type LatentShape, latentShape } from "../../models/mod.ts";
import type { Guidance, Pipeline } from "./pipeline.ts";
import type { Sampling } from "./sampling.ts";
import { checkSize } from "./sizes.ts";
import type { UncommonNoise } from "./uncommon_noise.ts";

export interface Batch {
  /** All with the same settings. */
  readonly requests: readonly PictureRequest[];
  /** Image to image: one RGB picture of the settings' size for each request; null for text to image. */
  readonly images: readonly Pixels[] | null;
  /** Pictures that CLIP looks at where `images` is null. */
  readonly shown?: readonly Pixels[] | null;
  /** Image to image from latents (N, h, w, C) in place of pictures. */
  readonly latents?: Float32Array;
  /** Inpainting: one mask of the picture's size for each request, white where it is drawn anew. */
  readonly masks?: readonly Pixels[] | null;
  /**
   * ControlNet and LLLite: for each request a picture to follow for every network, or one for all of them. Guidance by CLIP
   * and VGG16: one for each request.
   */
  readonly guides?: readonly (readonly Pixels[])[] | null;
}

export interface DrawOptions {
  readonly sampler: string;
  readonly sampling: Sampling;
  readonly networks?: DrawnNetworks;
  readonly controls?: Controls | null;
  /** What CLIP sees in the pictures takes the place of the prompts' pooled text. */
  readonly seen?: PictureEmbedder | null;
  /** Guidance by CLIP and VGG16. */
  readonly pulls?: Pulls | null;
  /** What chance does to the noise that pictures begin with. */
  readonly uncommon?: UncommonNoise;
  /** Pictures decoded at once. Default 1: the same pictures with the least memory. */
  readonly vaeBatch?: number;
  /** False leaves the pictures away: only latents are wanted. Default true. */
  readonly decode?: boolean;
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
  /** Standard normal, (N, h, w, C). */
  readonly start: Float32Array;
  /** What the sampler begins with. */
  readonly first: Float32Array;
  /** Image to image: the picture's latents and the noise that is added to them. */
  readonly original?: { readonly latents: Float32Array; readonly noise: Float32Array };
}

export interface Drawn {
  readonly shape: LatentShape;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** (N, h, w, C) */
  readonly latents: Float32Array;
  /** One (H, W, 3) around [-1, 1] for each request. */
  readonly images: Float32Array[];
  /** Where the numbers of the last picture's seed ended. */
  readonly generator: TorchGenerator;
}

/** Draws a batch. Throws UserError for sizes that the model cannot have. */
export async function drawBatch(
  pipeline: Pipeline,
  conditioner: TextConditioner,
  batch: Batch,
  options: DrawOptions,
): Promise<Drawn> {
  const { settings } = batch.requests[0], { steps, strength, gradualLatent } = settings;
  const { latent, size } = pipeline.model.family;
  checkSize(settings, size.multiple);
  const full = latentShape(latent, batch.requests.length, settings);
  const imageToImage = batch.images !== null || batch.latents !== undefined;
  const sampling = { ...options.sampling, steps };
  const { sampler, noisedAt, first } = imageToImage
    ? imageStart(options.sampler, sampling, strength)
    : { sampler: createSampler(options.sampler, sampling), noisedAt: 0, first: 0 };
  const shown = batch.images ?? batch.shown;
  const seen = shown && options.seen ? await options.seen.embeddings(shown) : null;
  const guidance = await conditionBatch(conditioner, batch.requests, settings, options.networks, seen);

  const { start, imageNoise, generator } = drawNoise(batch.requests, full, {
    ahead: steps * (sampler.drawnAhead ?? 1),
    imageToImage,
    uncommon: options.uncommon,
  });
  const draw = (shape: LatentShape) => {
    const values = noise(generator, shape);
    options.drawn?.(values);
    return values;
  };
  let latents: Float32Array, original: Start["original"];
  if (imageToImage) {
    original = {
      latents: batch.latents ?? await encodeImages(pipeline, batch.images!, full, generator),
      noise: imageNoise!,
    };
    latents = sampler.addNoise(original.latents, original.noise, noisedAt);
  } else {
    const sigma = sampler.initNoiseSigma;
    latents = start.map((x) => x * sigma);
  }
  const growing = gradualLatent ? new Growing(gradualLatent, full) : undefined;
  const begun = growing?.begin(latents) ?? { latents, shape: full };
  options.inspect?.({ sampler, guidance, start, first: begun.latents, original });
  const { signal, observe, controls } = options, { guides } = batch;
  const control = controls && guides
    ? await controls.begin(pipeline.programs, guides, full, latent.factor)
    : undefined;
  const pull = await options.pulls?.begin(
    pipeline,
    batch.requests,
    guides?.map(([guide]) => guide) ?? null,
    { size: settings, sampling: options.sampling },
  );
  const done = await denoise(pipeline, {
    ...{ sampler, guidance, ...begun, start: first, draw, growing, control, pull, signal, observe },
    painted: pipeline.inpaints ? paintedBySize(pipeline, batch) : undefined,
    mend: original && batch.masks ? keeping(sampler, original, batch.masks, full) : undefined,
  });
  const images = options.decode === false
    ? []
    : await decodeAll(pipeline, done.latents, done.shape, options.vaeBatch ?? 1);
  const { factor } = latent, { width, height } = done.shape;
  return { ...done, width: factor * width, height: factor * height, images, generator };
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
  const size = latents.length / shape.batch;
  const images: Float32Array[] = [];
  for (let i = 0; i < shape.batch; i += count) {
    const batch = Math.min(count, shape.batch - i);
    const decoded = await pipeline.decode(latents.subarray(i * size, (i + batch) * size), {
      ...shape,
      batch,
    });
    const pixels = decoded.length / batch;
    for (let k = 0; k < batch; k++) images.push(decoded.subarray(k * pixels, (k + 1) * pixels));
  }
  return images;
}
