/** Encoding every image once, before training: into memory, or into files that later runs find again. */

import { basename, dirname } from "node:path";
import { UsageError, UserError } from "../../base/errors.ts";
import { isTaken } from "../../base/files/exists.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import type { Size } from "../batches/buckets.ts";
import type { Dataset } from "../dataset/dataset.ts";
import type { CachedLatents, ImageEntry } from "../dataset/entries.ts";
import { loadImage, UnreadableImage } from "../../images/load.ts";
import { flip, type Pixels } from "../../images/pixels.ts";
import { alphaMask, fit, writeNormalized } from "../batches/prepare.ts";
import { latentFileMisfit, latentFileOf, refuseForeignFile, writeLatentFile } from "./latent_file.ts";

/**
 * The VAE's encoder, with sampling: pixels (count, height, width, 3) in [-1, 1] to latents (count, height / 8,
 * width / 8, channels), not multiplied by the VAE's scale.
 */
export type Encode = (pixels: Float32Array, count: number, height: number, width: number) => Promise<Encoded>;

export interface Encoded {
  readonly latents: Float32Array;
  readonly channels: number;
}

export interface CacheOptions {
  readonly encode: Encode;
  /** Images of one encoder call. */
  readonly batchSize: number;
  readonly toDisk: boolean;
  /** Read images as sd-scripts 0.9.1 does. */
  readonly compat: boolean;
  /** Called when there are latents to make. */
  readonly onStart?: () => void;
  readonly onProgress?: (done: number, total: number) => void;
  /** Takes one line for each image that cannot be read. */
  readonly note: (line: string) => void;
  /** Called between encoder calls; throws to stop. */
  readonly checkpoint?: () => void;
}

/** Fills in the latents of all entries, smallest buckets first as the reference does. Throws UserError. */
export async function cacheLatents(dataset: Dataset, options: CacheOptions): Promise<void> {
  for (const subset of dataset.subsets) {
    if (!subset.color_aug && !subset.random_crop) continue;
    const name = subset.color_aug ? "color_aug" : "random_crop";
    throw new UsageError(
      `--cache_latents and ${name} exclude each other: latents are made once; leave one out`,
    );
  }
  if (options.toDisk) {
    refuseSharedFiles(dataset.entries);
    clearLeftovers(dataset.entries, options.note);
  }
  const area = ({ bucket: [width, height] }: ImageEntry) => width * height;
  const missing = dataset.entries
    .filter((entry) => entry.bucket[0] > 0 && !entry.latentsFile && !entry.latents)
    .sort((a, b) => area(a) - area(b));
  const waiting = options.toDisk ? withoutFile(missing, options.note) : missing;
  if (waiting.length > 0) options.onStart?.();
  let done = 0;
  for (const batch of groups(waiting, options.batchSize)) {
    options.checkpoint?.();
    await encodeBatch(batch, options);
    done += batch.length;
    options.onProgress?.(done, waiting.length);
  }
}

/** Takes the files that are there and fit; gives the other entries. One line tells of files that do not fit. */
function withoutFile(entries: readonly ImageEntry[], note: (line: string) => void): ImageEntry[] {
  const misfits: string[] = [];
  const waiting = entries.filter((entry) => {
    const path = latentFileOf(entry.path), { bucket, subset: { flip_aug: flipped } } = entry;
    if (!isTaken(path)) return true;
    const misfit = latentFileMisfit(path, { bucket, flipped, alphaMask: wantsAlpha(entry) });
    if (misfit) refuseForeignFile(path);
    if (misfit) misfits.push(misfit);
    else entry.latentsFile = path;
    return misfit !== null;
  });
  if (misfits.length === 1) note(`${misfits[0]}; is made again`);
  else if (misfits.length > 1) note(`${misfits[0]}; this and ${misfits.length - 1} more are made again`);
  return waiting;
}

function wantsAlpha({ subset }: ImageEntry): boolean {
  return "alpha_mask" in subset && subset.alpha_mask;
}

/** Neighbours of the same bucket and options, at most `size` together. */
function groups(entries: readonly ImageEntry[], size: number): ImageEntry[][] {
  const alike = (a: ImageEntry, b: ImageEntry) =>
    a.bucket[0] === b.bucket[0] && a.bucket[1] === b.bucket[1] && wantsAlpha(a) === wantsAlpha(b) &&
    a.subset.flip_aug === b.subset.flip_aug;
  const out: ImageEntry[][] = [];
  for (const entry of entries) {
    const last = out.at(-1);
    if (last && last.length < Math.max(1, size) && alike(last[0], entry)) last.push(entry);
    else out.push([entry]);
  }
  return out;
}

/** Of runs that were killed while they wrote a cache file. */
function clearLeftovers(entries: readonly ImageEntry[], note: (line: string) => void): void {
  const files = Map.groupBy(entries.map(({ path }) => latentFileOf(path)), dirname);
  for (const [folder, paths] of files) {
    const names = new Set(paths.map((path) => basename(path)));
    removeLeftovers(folder, (name) => names.has(name), note);
  }
}

function refuseSharedFiles(entries: readonly ImageEntry[]): void {
  const owners = new Map<string, string>();
  for (const { path } of entries) {
    const file = latentFileOf(path), owner = owners.get(file);
    if (owner) {
      throw new UserError(`${owner} and ${path} would share the cache file ${file}; rename one of them`);
    }
    owners.set(file, path);
  }
}

async function encodeBatch(entries: readonly ImageEntry[], options: CacheOptions): Promise<void> {
  const { bucket, subset: { flip_aug: flips } } = entries[0];
  const fitted = [];
  for (const entry of entries) {
    try {
      const image = await loadImage(entry.path, { alpha: wantsAlpha(entry), compat: options.compat });
      fitted.push({ entry, ...fit(image, bucket, entry.resized) });
    } catch (error) {
      if (!(error instanceof UnreadableImage)) throw error;
      entry.broken = true;
      options.note(`${error.message}; left out`);
    }
  }
  if (fitted.length === 0) return;
  const images = fitted.map(({ image }) => image);
  const plain = await encodeImages(images, bucket, options.encode);
  const mirrored = flips ? await encodeImages(images.map(flip), bucket, options.encode) : null;
  fitted.forEach(({ entry, image, originalSize, cropBox }, i) => {
    const cached: CachedLatents = {
      ...plain,
      latents: part(plain.latents, i, fitted.length),
      flipped: mirrored && part(mirrored.latents, i, fitted.length),
      alphaMask: wantsAlpha(entry) ? alphaMask(image) : null,
      ...{ originalSize, cropBox },
    };
    refuseNaN(cached, entry.path);
    if (options.toDisk) {
      entry.latentsFile = latentFileOf(entry.path);
      writeLatentFile(entry.latentsFile, cached);
    } else entry.latents = cached;
  });
}

async function encodeImages(images: readonly Pixels[], [width, height]: Size, encode: Encode) {
  const size = width * height * 3, pixels = new Float32Array(size * images.length);
  images.forEach((image, i) => writeNormalized(image, pixels, i * size));
  const { latents, channels } = await encode(pixels, images.length, height, width);
  return { latents, channels, height: Math.floor(height / 8), width: Math.floor(width / 8) };
}

/** A copy, so that one image does not hold the memory of its batch. */
function part(data: Float32Array, index: number, count: number): Float32Array {
  const size = data.length / count;
  return data.slice(index * size, (index + 1) * size);
}

function refuseNaN({ latents, flipped }: CachedLatents, path: string): void {
  if (latents.every(Number.isFinite) && (flipped ?? latents).every(Number.isFinite)) return;
  throw new UserError(`${path}: the VAE gives latents that are no numbers; use --no_half_vae or another VAE`);
}
