/** --highres_fix: a first pass at a smaller size, whose picture or latents a second pass begins with. */

import { UsageError } from "../../base/errors.ts";
import type { Pixels } from "../../images/pixels.ts";
import { resizePillow } from "../../images/resampling/pillow.ts";
import { interpolatedValues, type LatentShape, latentShape, linearWeights } from "../../models/mod.ts";
import { toBytes } from "../pictures/pixels.ts";
import { type Batch, drawBatch, type Drawn, type DrawOptions } from "../pipeline/draw.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { PictureRequest, Settings } from "../prompts/requests.ts";
import type { Enlarged, Upscaler } from "./upscalers.ts";
import type { TextConditioner } from "../prompts/text_conditioner.ts";

export interface Highres {
  /** First size by last. */
  readonly scale: number;
  readonly steps: number;
  /** Image to image: the first pass's strength; null takes the picture's. */
  readonly strength: number | null;
  /** Latents are enlarged, not pictures. */
  readonly latents: boolean;
  /** The first pass's pictures are wanted too. */
  readonly keepFirst: boolean;
  /** The second pass does without ControlNet and LLLite. */
  readonly guidesFirstOnly: boolean;
}

/** What flags say of a second pass, or null. */
export function highresOf(config: {
  readonly highresFixScale: number | null;
  readonly highresFixSteps: number;
  readonly highresFixStrength: number | null;
  readonly highresFixLatentsUpscaling: boolean;
  readonly highresFixSave1st: boolean;
  readonly highresFixDisableControlNet: boolean;
}): Highres | null {
  return config.highresFixScale === null ? null : {
    scale: config.highresFixScale,
    steps: config.highresFixSteps,
    strength: config.highresFixStrength,
    latents: config.highresFixLatentsUpscaling,
    keepFirst: config.highresFixSave1st,
    guidesFirstOnly: config.highresFixDisableControlNet,
  };
}

/** A side as the first pass has it. */
export function scaledSide(pixels: number, { scale }: Pick<Highres, "scale">): number {
  return Math.floor(pixels * scale + 0.5);
}

/** What sides of the first pass are multiples of, in pixels. */
const SIDES = 32;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The first pass's size. Throws UsageError where nothing is left of it. */
export function firstSize({ width, height }: Size, highres: Pick<Highres, "scale">): Size {
  const side = (pixels: number) => {
    const scaled = scaledSide(pixels, highres);
    return scaled - scaled % SIDES;
  };
  const first = { width: side(width), height: side(height) };
  if (first.width > 0 && first.height > 0) return first;
  const least = Math.ceil(1000 * SIDES / Math.min(width, height)) / 1000;
  throw new UsageError(
    `--highres_fix_scale ${highres.scale} makes ${first.width}x${first.height} of ${width}x${height}, since sides are ` +
      `multiples of ${SIDES}; give at least ${least}`,
  );
}

/** The settings of the first pass. Throws UsageError where nothing is left of the size. */
export function firstSettings(settings: Settings, highres: Highres): Settings {
  const scaled = (pixels: number | null) => pixels === null ? null : scaledSide(pixels, highres);
  return {
    ...settings,
    ...firstSize(settings, highres),
    originalWidth: scaled(settings.originalWidth),
    originalHeight: scaled(settings.originalHeight),
    originalWidthNegative: scaled(settings.originalWidthNegative),
    originalHeightNegative: scaled(settings.originalHeightNegative),
    cropTop: scaled(settings.cropTop),
    cropLeft: scaled(settings.cropLeft),
    steps: highres.steps,
    strength: highres.strength ?? settings.strength,
  };
}

/** Both passes; the second draws with the seeds after the first's. Without `upscaler` pictures are enlarged by Lanczos. */
export async function drawTwice(
  pipeline: Pipeline,
  conditioner: TextConditioner,
  batch: Batch,
  options: DrawOptions,
  highres: Highres,
  upscaler: Upscaler | null = null,
): Promise<{ first: Drawn; second: Drawn }> {
  const changed = (change: (request: PictureRequest) => Partial<PictureRequest>) =>
    batch.requests.map((request) => ({ ...request, ...change(request) }));
  const first = await drawBatch(pipeline, conditioner, {
    ...batch,
    requests: changed(({ settings }) => ({ settings: firstSettings(settings, highres) })),
  }, { ...options, decode: !highres.latents || highres.keepFirst });
  const { width, height } = batch.requests[0].settings, { latent } = pipeline.model.family;
  const requests = changed(({ seed }) => ({ seed: seed + 1 }));
  const guides = highres.guidesFirstOnly ? null : batch.guides;
  const size = { width, height };
  const begun: Enlarged = highres.latents
    ? { latents: enlargedLatents(first, latentShape(latent, 1, size)), shown: batch.images }
    : upscaler
    ? await upscaler.enlarge(picturesOf(first), size, { seed: requests[0].seed, left: first.generator })
    : { images: picturesOf(first).map((picture) => resizePillow(picture, width, height, "lanczos")) };
  const second = await drawBatch(
    pipeline,
    conditioner,
    { requests, guides, images: null, ...begun },
    options,
  );
  return { first, second };
}

function enlargedLatents({ latents, shape }: Drawn, { width, height }: LatentShape): Float32Array {
  const rows = linearWeights(shape.height, height), columns = linearWeights(shape.width, width);
  return interpolatedValues(latents, [shape.batch, shape.height, shape.width, shape.channels], rows, columns);
}

function picturesOf({ images, width, height }: Drawn): Pixels[] {
  return images.map((values) => ({ width, height, channels: 3, data: toBytes(values) }));
}
