/** Batches as training takes them: a draw made into pixels or latents. */

import type { Size } from "./buckets.ts";
import type { Dataset } from "../dataset/dataset.ts";
import type { BatchDraws, ItemDraws } from "./draws.ts";
import type { CachedLatents, ImageEntry } from "../dataset/entries.ts";
import { changeColor } from "../../images/color.ts";
import { loadImage, UnreadableImage } from "../../images/load.ts";
import { refuseOtherSize } from "../cache/image_info.ts";
import { crop, flip, type Pixels } from "../../images/pixels.ts";
import { resizeArea } from "../../images/resampling/area.ts";
import { conditioningOf, stackConditioning } from "./conditioning.ts";
import { alphaMask, fit, writeNormalized } from "./prepare.ts";
import { faceNamed } from "./face_crop.ts";
import type { LatentSides } from "../../models/mod.ts";
import { readLatentFile } from "../cache/latent_file.ts";
import { UserError } from "../../base/errors.ts";

/** What a training step needs to know of its images. N images of one bucket; all pairs are (height, width). */
export interface Batch {
  /** Width and height in pixels. */
  readonly bucket: Size;
  readonly imagePaths: readonly string[];
  /** The pictures with their captions as they were written, before anything is drawn. */
  readonly captioned: readonly Pick<ImageEntry, "path" | "caption">[];
  readonly captions: readonly string[];
  /** (N, height, width, 3) in [-1, 1]; null when there are latents. */
  readonly pixels: Float32Array | null;
  /** (N, height, width, channels) of the VAE before scaling; null when there are pixels. */
  readonly latents: Float32Array | null;
  /** Height, width and channels of `latents`. */
  readonly latentShape: readonly [number, number, number] | null;
  readonly originalSizes: readonly Pair[];
  /** (top, left). */
  readonly cropTopLefts: readonly Pair[];
  readonly targetSizes: readonly Pair[];
  readonly flippeds: readonly boolean[];
  /** 1, or the prior loss weight for regularisation images. */
  readonly lossWeights: Float32Array;
  readonly networkMultipliers: Float32Array;
  /** (N, height, width) in pixels, 0 to 1; null when no image has one. */
  readonly alphaMasks: Float32Array | null;
  /** (N, height, width, 3) in [-1, 1]: what a ControlNet sees, or masks; null where the dataset has none. */
  readonly conditioning: Float32Array | null;
}
export type Pair = readonly [number, number];

export interface RenderOptions {
  /** What cached latents are like. */
  readonly latent: LatentSides;
  readonly compat: boolean;
  /**
   * Without buckets, scale pictures of other sizes instead of refusing them; those that random_crop can cut stay
   * unscaled.
   */
  readonly scale?: boolean;
  readonly note: (line: string) => void;
}

interface Item {
  readonly entry: ImageEntry;
  readonly draws: ItemDraws;
  readonly image: Pixels | null;
  readonly cached: CachedLatents | null;
  readonly alphaMask: Float32Array | null;
  readonly conditioning: Pixels | null;
  readonly originalSize: readonly number[];
  readonly cropBox: readonly number[];
}

/** Makes the batch that was drawn. Images that turn out unreadable are left out, noted once; null when all are. */
export async function renderBatch(
  dataset: Dataset,
  draws: BatchDraws,
  options: RenderOptions,
): Promise<Batch | null> {
  const items: Item[] = [];
  for (const itemDraws of draws.items) {
    const entry = dataset.entries[itemDraws.entry];
    if (entry.broken) continue;
    try {
      items.push(await renderItem(dataset, entry, itemDraws, options));
    } catch (error) {
      if (!(error instanceof UnreadableImage)) throw error;
      entry.broken = true;
      options.note(`${error.message}; left out`);
    }
  }
  return items.length === 0
    ? null
    : assemble(dataset, dataset.buckets[draws.bucket].size, items, options.latent);
}

async function renderItem(
  dataset: Dataset,
  entry: ImageEntry,
  draws: ItemDraws,
  options: RenderOptions,
): Promise<Item> {
  const bucketed = dataset.bucketInfo !== null, { compat } = options;
  const conditioning = await conditioningOf(entry, { bucketed, flipped: draws.flipped, compat });
  const cached = entry.latents ??
    (entry.latentsFile ? readLatentFile(entry.latentsFile, entry.bucket, options.latent) : null);
  if (cached) {
    const mask = cached.alphaMask && draws.flipped
      ? flipMask(cached.alphaMask, entry.bucket[0])
      : cached.alphaMask;
    return { entry, draws, image: null, cached, alphaMask: mask, conditioning, ...pick(cached) };
  }
  const alpha = "alpha_mask" in entry.subset && entry.subset.alpha_mask;
  const loaded = await loadImage(entry.path, { alpha, compat: options.compat });
  refuseOtherSize(entry, [loaded.width, loaded.height]);
  const cutOut = entry.subset.random_crop && loaded.width >= entry.bucket[0] &&
    loaded.height >= entry.bucket[1];
  let { image, ...sizes } = bucketed || options.scale && !cutOut && !draws.scaled
    ? fit(loaded, entry.bucket, entry.resized, draws.left, draws.top, entry.subset.resize_interpolation)
    : cutToSize(loaded, entry, draws, options.compat);
  if (draws.color) image = changeColor(image, draws.color);
  if (draws.flipped) image = flip(image);
  const mask = alpha ? alphaMask(image) : null;
  return { entry, draws, image, cached: null, alphaMask: mask, conditioning, ...sizes };
}

/** Without buckets images are cut, and scaled only around a face; what is left counts as the original. */
function cutToSize(loaded: Pixels, entry: ImageEntry, draws: ItemDraws, compat: boolean) {
  const image = draws.scaled ? resizeArea(loaded, ...draws.scaled) : loaded;
  refuseUncut(entry, image, draws.scaled !== null || entry.subset.random_crop);
  const [width, height] = entry.bucket;
  const cut = crop(image, draws.left ?? 0, draws.top ?? 0, width, height);
  // The reference gives a box without width, so a mirrored image counts as cut off at its whole width.
  const cropBox = compat ? [0, 0, 0, 0] : [0, 0, width, height];
  return { image: cut, originalSize: [width, height], cropBox };
}

/** Throws UserError for the first picture that would end the training when its turn comes: nothing cuts it to size. */
export function refuseOtherSizes({ bucketInfo, entries }: Dataset): void {
  if (bucketInfo) return;
  for (const entry of entries) {
    const { latents, latentsFile, broken, size, subset, path } = entry;
    if (latents || latentsFile || broken || !size) continue;
    const cuts = subset.random_crop || subset.face_crop_aug_range !== null && faceNamed(path) !== null;
    refuseUncut(entry, { width: size[0], height: size[1] }, cuts);
  }
}

function refuseUncut(
  { path, bucket, conditioning }: ImageEntry,
  { width, height }: Pick<Pixels, "width" | "height">,
  cuts: boolean,
): void {
  const smaller = width < bucket[0] || height < bucket[1], larger = width > bucket[0] || height > bucket[1];
  if (!smaller && (!larger || cuts)) return;
  throw new UserError(
    `${path}: ${width}x${height} is ${smaller ? "smaller" : "larger"} than the resolution ${
      bucket.join("x")
    }; use --enable_bucket or --cache_latents${smaller || conditioning ? "" : ", or --random_crop"}`,
  );
}

function pick({ originalSize, cropBox }: CachedLatents) {
  return { originalSize, cropBox };
}

function flipMask(mask: Float32Array, width: number): Float32Array {
  return mask.map((_, i) => mask[i - i % width + width - 1 - i % width]);
}

function assemble(dataset: Dataset, bucket: Size, items: readonly Item[], { factor }: LatentSides): Batch {
  const first = items[0].cached;
  const [width, height] = first ? [first.width * factor, first.height * factor] : bucket;
  const { prior_loss_weight: prior = 1, network_multiplier: multiplier } = dataset.params;
  return {
    bucket,
    imagePaths: items.map(({ entry }) => entry.path),
    captioned: items.map(({ entry: { path, caption } }) => ({ path, caption })),
    captions: items.map(({ draws }) => draws.caption),
    pixels: first ? null : stackPixels(items, bucket),
    latents: first && stackLatents(items, first),
    latentShape: first && [first.height, first.width, first.channels],
    originalSizes: items.map(({ originalSize: [w, h] }): Pair => [Math.trunc(h), Math.trunc(w)]),
    cropTopLefts: items.map(({ cropBox: [left, top, right], draws }): Pair => {
      return [Math.trunc(top), Math.trunc(draws.flipped ? width - right : left)];
    }),
    targetSizes: items.map((): Pair => [height, width]),
    flippeds: items.map(({ draws }) => draws.flipped),
    lossWeights: Float32Array.from(items, ({ entry }) => entry.isReg ? prior : 1),
    networkMultipliers: new Float32Array(items.length).fill(multiplier),
    alphaMasks: stackMasks(items, width * height),
    conditioning: stackConditioning(items.map((item) => item.conditioning), [width, height]),
  };
}

function stackPixels(items: readonly Item[], [width, height]: Size): Float32Array {
  const size = width * height * 3, out = new Float32Array(size * items.length);
  items.forEach(({ image, entry }, i) => {
    if (!image) throw mixed(entry);
    writeNormalized(image, out, i * size);
  });
  return out;
}

function stackLatents(items: readonly Item[], { height, width, channels }: CachedLatents): Float32Array {
  const size = height * width * channels, out = new Float32Array(size * items.length);
  items.forEach(({ cached, entry, draws }, i) => {
    const latents = draws.flipped ? cached?.flipped : cached?.latents;
    if (!latents || latents.length !== size) throw mixed(entry);
    out.set(latents, i * size);
  });
  return out;
}

function mixed({ path, latentsFile }: ImageEntry): UserError {
  return new UserError(
    `${
      latentsFile ?? path
    }: its latents do not go with those of its batch; delete the cache so that it is made again`,
  );
}

/** Ones stand in for images without a mask where another of the batch has one. */
function stackMasks(items: readonly Item[], size: number): Float32Array | null {
  if (items.every((item) => item.alphaMask === null)) return null;
  const out = new Float32Array(size * items.length).fill(1);
  items.forEach((item, i) => item.alphaMask && out.set(item.alphaMask, i * size));
  return out;
}
