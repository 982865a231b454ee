/** Encoding every image once, before training: into memory, or into files that later runs find again. */

import { basename, dirname } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { isTaken } from "../../base/files/exists.ts";
import { realPlace } from "../../base/files/links.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import type { Dataset } from "../dataset/dataset.ts";
import type { LatentSides } from "../../models/mod.ts";
import type { ImageEntry } from "../dataset/entries.ts";
import { refuseOtherSize } from "./image_info.ts";
import { Pool, threadsFor } from "../../base/workers/pool.ts";
import { UnreadableImage } from "../../images/load.ts";
import type { Pixels } from "../../images/pixels.ts";
import { fit, type Fitted } from "../batches/prepare.ts";
import { fitTask, type Pictured } from "./fit_task.ts";
import { type Encode, encodeFitted } from "./encode.ts";
import { type LatentOwners, ownedByOthers, refuseSharedFiles, wantsAlpha } from "./latent_owners.ts";
import {
  latentFileMisfit,
  latentFileOf,
  latentNamesMisfit,
  refuseForeignFile,
  writeLatentFile,
} from "./latent_file.ts";

export interface CacheOptions extends LatentOwners {
  /** What the model's latents are like. */
  readonly latent: LatentSides;
  readonly encode: Encode;
  /** Images of one encoder call. */
  readonly batchSize: number;
  readonly toDisk: boolean;
  /** Make files again that fit, but for these, of the run's earlier datasets, by realPlace(); new ones are added. */
  readonly again?: Set<string>;
  /** Take files that are there by the names of their arrays, without reading their numbers. */
  readonly trusted?: boolean;
  /** Read images as sd-scripts 0.9.1 does. */
  readonly compat: boolean;
  /** Where a random crop begins, of so many pixels that are left over; without it there are no random crops. */
  readonly cropAt?: (extra: number) => number;
  /** Called when there are latents to make, before the first. */
  readonly onStart?: () => void | Promise<void>;
  readonly onProgress?: (done: number, total: number) => void;
  /** Takes one line for each image that cannot be read. */
  readonly note: (line: string) => void;
  /** That read pictures, 0 for one for each core. Default 1. */
  readonly threads?: number;
  /** Called between encoder calls; throws to stop. */
  readonly checkpoint?: () => void;
}

/** Fills in the latents of all entries, smallest buckets first as the reference does. Throws UserError. */
export async function cacheLatents(dataset: Dataset, options: CacheOptions): Promise<void> {
  for (const subset of dataset.subsets) {
    if (!subset.color_aug && (!subset.random_crop || options.cropAt)) continue;
    const name = subset.color_aug ? "color_aug" : "random_crop";
    throw new UsageError(
      `--cache_latents and ${name} exclude each other: latents are made once; leave one out`,
    );
  }
  if (dataset.bucketInfo === null && dataset.subsets.some((subset) => subset.face_crop_aug_range)) {
    options.note(
      "face_crop_aug_range has no effect on cached latents; leave out --cache_latents, or the range",
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
  const inMemory = options.toDisk ? ownedByOthers(missing, options) : new Set(missing);
  const toWrite = new Set(withoutFile(missing.filter((entry) => !inMemory.has(entry)), options));
  const waiting = missing.filter((entry) =>
    toWrite.has(entry) || (inMemory.has(entry) && !options.onlyFiles)
  );
  if (waiting.length > 0) await options.onStart?.();
  let done = 0;
  const batches = groups(waiting, options.batchSize);
  using pool = new Pool(threadsFor(options.threads ?? 1, waiting.length));
  for (const { batch, pictures } of readAhead(batches, pool, options)) {
    options.checkpoint?.();
    await encodeBatch(batch, pictures, options, toWrite);
    done += batch.length;
    options.onProgress?.(done, waiting.length);
  }
}

/** Batches with their pictures, which threads read while those before are encoded. */
function* readAhead(batches: readonly ImageEntry[][], pool: Pool, options: CacheOptions) {
  const read: Promise<Pictured>[][] = [];
  let asked = 0, open = 0;
  for (const batch of batches) {
    while (asked < batches.length && (read.length === 0 || open + batches[asked].length <= pool.ahead)) {
      read.push(batches[asked].map((entry) => readEntry(entry, pool, options)));
      open += batches[asked++].length;
    }
    yield { batch, pictures: read.shift()! };
    open -= batch.length;
  }
}

/** What an entry's place in its bucket is drawn for comes as it is. */
function readEntry(entry: ImageEntry, pool: Pool, options: CacheOptions): Promise<Pictured> {
  const { path, bucket, resized, subset: { resize_interpolation: interpolation = null } } = entry;
  const drawn = entry.subset.random_crop && options.cropAt !== undefined;
  const picture = pool.run(fitTask, {
    ...{ path, options: { alpha: wantsAlpha(entry), compat: options.compat } },
    fit: drawn ? null : { bucket, resized, interpolation },
  });
  picture.catch(() => {}); // told when its batch is encoded
  return picture;
}

/** Takes the files that are there and fit; gives the other entries. One line tells of files that do not fit. */
function withoutFile(
  entries: readonly ImageEntry[],
  { latent, note, again, trusted }: Pick<CacheOptions, "latent" | "note" | "again" | "trusted">,
): ImageEntry[] {
  const misfits: string[] = [];
  const waiting = entries.filter((entry) => {
    const path = latentFileOf(entry.path), { bucket, subset: { flip_aug: flipped } } = entry;
    if (!isTaken(path)) return true;
    const wanted = { bucket, latent, flipped, alphaMask: wantsAlpha(entry) };
    const misfit = trusted ? latentNamesMisfit(path, wanted) : latentFileMisfit(path, wanted);
    if (misfit) refuseForeignFile(path);
    const replaced = again && !again.has(realPlace(path));
    if (misfit && !replaced) misfits.push(misfit);
    if (misfit || replaced) return true;
    entry.latentsFile = path;
    return false;
  });
  if (misfits.length === 1) note(`${misfits[0]}; is made again`);
  else if (misfits.length > 1) note(`${misfits[0]}; this and ${misfits.length - 1} more are made again`);
  return waiting;
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

function cutAtRandom(
  { subset, bucket, resized }: ImageEntry,
  image: Pixels,
  { cropAt }: CacheOptions,
): Fitted {
  const [left, top] = resized.map((side, i) => side > bucket[i] ? cropAt!(side - bucket[i]) : null);
  return fit(image, bucket, resized, left, top, subset.resize_interpolation);
}

async function encodeBatch(
  entries: readonly ImageEntry[],
  pictures: readonly Promise<Pictured>[],
  options: CacheOptions,
  toWrite: ReadonlySet<ImageEntry>,
): Promise<void> {
  const { bucket, subset: { flip_aug: flips } } = entries[0];
  const fitted = [];
  for (const [i, entry] of entries.entries()) {
    try {
      const picture = await pictures[i];
      refuseOtherSize(entry, picture.size);
      fitted.push({ entry, ...picture.fitted ?? cutAtRandom(entry, picture.image!, options) });
    } catch (error) {
      if (!(error instanceof UnreadableImage)) throw error;
      entry.broken = true;
      options.note(`${error.message}; left out`);
    }
  }
  if (fitted.length === 0) return;
  const paths = fitted.map(({ entry }) => entry.path);
  const made = await encodeFitted(fitted, paths, bucket, {
    ...{ encode: options.encode, flips, alphaMask: wantsAlpha(entries[0]) },
  });
  fitted.forEach(({ entry }, i) => {
    if (toWrite.has(entry)) {
      entry.latentsFile = latentFileOf(entry.path);
      writeLatentFile(entry.latentsFile, made[i], options.latent);
      options.again?.add(realPlace(entry.latentsFile));
    } else entry.latents = made[i];
  });
}
