/**
 * A dataset: images sorted into buckets, and the batches that can be cut from them. Nothing here changes once it is
 * made except what the latent cache fills in; the order of an epoch is an Order.
 */

import { basename } from "node:path";
import { UsageError, UserError } from "../../base/errors.ts";
import { pathHint } from "../../base/files/path_hint.ts";
import { countTags, type ImageEntry, type SubsetReport, type TagFrequency } from "./entries.ts";
import { type Bucket, type BucketInfo, fillBuckets } from "../batches/fill_buckets.ts";
import { pairConditioning, refuseLooseCuts } from "./conditioning.ts";
import { folderReport, type FolderSubset, isRegularisation, loadFolder } from "./folders.ts";
import { writeImageInfo } from "../cache/image_info.ts";
import { leftOutInside } from "./left_out.ts";
import { FORMAT_NAMES, loadImage, looksWhole, probeSize, UnreadableImage } from "../../images/load.ts";
import { INTERPOLATIONS } from "../../images/resampling/resize.ts";
import { loadMetadata, metadataReport } from "./metadata.ts";
import type { DatasetParams, DatasetPlan, FineTuningSubset, SubsetParams } from "./params.ts";
import { MOST_ENTRIES } from "./ranges.ts";
import { partOf, type ValidationSplit } from "./validation_split.ts";

export interface Dataset {
  readonly kind: DatasetPlan["kind"];
  readonly params: DatasetParams;
  /** Those that gave images. */
  readonly subsets: readonly SubsetParams[];
  readonly entries: readonly ImageEntry[];
  readonly buckets: readonly Bucket[];
  readonly bucketInfo: BucketInfo | null;
  readonly reports: readonly SubsetReport[];
  readonly tagFrequency: TagFrequency;
  /** Counted with repeats. */
  readonly trainImages: number;
  readonly regImages: number;
  /** One line for each thing worth knowing: unreadable images, ignored subsets. */
  readonly notes: readonly string[];
}

export interface DatasetOptions {
  /** Read images as sd-scripts 0.9.1 does (EXIF orientation ignored, see LoadOptions). */
  readonly compat: boolean;
  /**
   * Which pictures of those that are there; regularisation images are never held out. Absent: all. `seed` is that of
   * datasets that have no validation_seed.
   */
  readonly split?: Pick<ValidationSplit, "part" | "seed">;
  /** Other sentences take the captions' place: it does not matter under which ending those lie there. */
  readonly captionsUnread?: boolean;
}

/** Finds images and captions, reads sizes, makes buckets. Throws UserError when nothing can be trained on. */
export async function createDataset(plan: DatasetPlan, options: DatasetOptions): Promise<Dataset> {
  const dataset = await openDataset(plan, options);
  if (dataset.buckets.length === 0) throw new UserError(nothingLeft(plan, dataset.notes));
  return dataset;
}

/** The same, with no bucket where nothing is left. */
export async function openDataset(plan: DatasetPlan, options: DatasetOptions): Promise<Dataset> {
  refuseUnsupported(plan);
  const notes: string[] = [...plan.notes ?? []], tagFrequency: TagFrequency = {};
  const collect = plan.kind === "finetuning" ? collectMetadata : collectFolders;
  const collected = await collect(plan, options, notes, tagFrequency);
  const { sized, ...rest } = collected;
  const { buckets, bucketInfo } = fillBuckets(rest.entries, plan.params, sized, notes);
  if (bucketInfo && rest.subsets.some((subset) => subset.face_crop_aug_range)) {
    notes.push("face_crop_aug_range has no effect with buckets; leave out enable_bucket, or the range");
  }
  return { kind: plan.kind, params: plan.params, ...rest, buckets, bucketInfo, tagFrequency, notes };
}

function refuseUnsupported({ params, subsets }: DatasetPlan): void {
  for (const subset of subsets) {
    refuseLooseCuts(params, subset);
    const where = subset.image_dir ?? (subset as FineTuningSubset).metadata_file;
    const range = subset.face_crop_aug_range;
    if (range && !range.every((times) => times > 0)) {
      throw new UserError(
        `${where}: face_crop_aug_range [${range.join(", ")}] must be above 0, like [2.0, 4.0]`,
      );
    }
    const filter = subset.resize_interpolation;
    if (filter && !INTERPOLATIONS.includes(filter)) {
      throw new UserError(
        `${where}: resize_interpolation "${filter}" is none; use ${INTERPOLATIONS.join(", ")}`,
      );
    }
    if (subset.caption_separator === "") throw new UserError(`${where}: caption_separator must not be empty`);
  }
}

interface Collected {
  readonly entries: ImageEntry[];
  readonly subsets: SubsetParams[];
  readonly reports: SubsetReport[];
  readonly trainImages: number;
  readonly regImages: number;
  /** Every image came with the size its latents were made for. */
  readonly sized: boolean;
}

const NOTHING = { trainImages: 0, regImages: 0, sized: false };

async function collectFolders(
  { params, subsets }: DatasetPlan,
  options: DatasetOptions,
  notes: string[],
  tagFrequency: TagFrequency,
): Promise<Collected> {
  if (!params.resolution) {
    throw new UsageError("resolution is required: give --resolution, like 512 or 640,448");
  }
  const out: Collected = { entries: [], subsets: [], reports: [], ...NOTHING };
  const regEntries: ImageEntry[] = [], listed: ImageEntry[] = [];
  let trainImages = 0, regImages = 0;
  for (const subset of subsets as readonly FolderSubset[]) {
    const dir = subset.image_dir, isReg = isRegularisation(subset);
    if (ignored(subset, dir, out.subsets.some((s) => s.image_dir === dir), notes)) continue;
    const { entries: all, captioned, infoWanted, ...loaded } = loadFolder(subset, options);
    notes.push(...loaded.notes);
    listed.push(...all);
    // the file is of all images, whichever part of them this is
    const whole = infoWanted ? await readable(all, options, notes) : all;
    if (infoWanted && whole.length > 0) writeImageInfo(dir, whole);
    const found = kept(whole, params, options, isReg);
    if (isOtherPart(dir, whole, found, params, options, notes)) continue;
    const entries = found.every(({ size }) => size !== null) ? found : await readable(found, options, notes);
    notes.push(...leftOutInside(dir));
    if (entries.length === 0) {
      notes.push(`${dir}: has no ${all.length ? "readable " : ""}images; the subset is left out`);
      continue;
    }
    countTags(tagFrequency, basename(dir), entries.map(({ caption }) => caption));
    (isReg ? regEntries : out.entries).push(...entries);
    const count = entries.length * subset.num_repeats;
    if (isReg) regImages += count;
    else trainImages += count;
    out.reports.push(folderReport(subset, entries, captioned));
    out.subsets.push(subset);
  }
  await pairConditioning(listed, out.entries, params, options);
  requireCountable(trainImages + regImages);
  if (trainImages < regImages) {
    notes.push("more regularisation images than training images: some are not used");
  }
  out.entries.push(...balance(regEntries, trainImages));
  return { ...out, trainImages, regImages };
}

/** Those of the part that is asked for. */
function kept(
  entries: ImageEntry[],
  { validation_split: share, validation_seed: seed }: DatasetParams,
  { split }: DatasetOptions,
  isReg = false,
): ImageEntry[] {
  if (!split) return entries;
  if (isReg || !share) return split.part === "training" ? entries : [];
  return partOf(entries, { part: split.part, share, seed: seed ?? split.seed });
}

/** Whether all of a subset's images are of the other part; told where that leaves none to train on. */
function isOtherPart(
  name: string,
  all: readonly ImageEntry[],
  found: readonly ImageEntry[],
  { validation_split: share }: DatasetParams,
  { split }: DatasetOptions,
  notes: string[],
): boolean {
  if (found.length > 0 || all.length === 0) return false;
  if (split?.part === "training") {
    notes.push(`${name}: validation_split ${share} holds out all of its images`);
  }
  return true;
}

/** As many regularisation images as training images: cut off, or repeated in turns. */
function balance(entries: ImageEntry[], wanted: number): ImageEntry[] {
  let count = 0;
  const used: ImageEntry[] = [];
  for (const entry of entries) {
    if (count >= wanted) break;
    used.push(entry);
    count += entry.repeats;
  }
  for (let i = 0; count < wanted && used.length > 0; i = (i + 1) % used.length, count++) used[i].repeats++;
  return used;
}

async function collectMetadata(
  { params, subsets }: DatasetPlan,
  options: DatasetOptions,
  notes: string[],
  tagFrequency: TagFrequency,
): Promise<Collected> {
  const out: Collected = { entries: [], subsets: [], reports: [], ...NOTHING };
  let trainImages = 0, sized = true;
  for (const subset of subsets as readonly FineTuningSubset[]) {
    const file = subset.metadata_file;
    const twice = out.subsets.some((s) => (s as FineTuningSubset).metadata_file === file);
    if (ignored(subset, file, twice, notes)) continue;
    const loaded = loadMetadata(subset);
    if (loaded.missing.length > 0) notes.push(`${file}: ${notFound(loaded.missing)}`);
    const found = kept(loaded.entries, params, options);
    if (isOtherPart(file, loaded.entries, found, params, options, notes)) continue;
    const allSized = found.every((entry) => entry.size !== null);
    const entries = allSized && found.every((entry) => entry.latentsFile !== null)
      ? found
      : await readable(found, options, notes);
    sized &&= allSized;
    if (entries.length === 0) {
      notes.push(`${file}: names no image that can be read; the subset is left out`);
      continue;
    }
    countTags(tagFrequency, basename(file), loaded.tags);
    out.entries.push(...entries);
    trainImages += entries.length * subset.num_repeats;
    out.reports.push(metadataReport(subset, entries));
    out.subsets.push(subset);
  }
  requireCountable(trainImages);
  if (out.entries.length > 0) settleLatentFiles(out.entries, sized, params, notes);
  return { ...out, trainImages, sized };
}

/** In one line: a metadata file from another machine may name thousands. */
function notFound(keys: readonly string[]): string {
  const names = keys.slice(0, 3).map((key) => JSON.stringify(key)).join(", "), more = keys.length - 3;
  return `no image is found for ${names}${more > 0 ? ` and ${more} more` : ""}; left out${pathHint(keys[0])}`;
}

function requireCountable(images: number): void {
  if (images <= MOST_ENTRIES) return;
  throw new UserError(
    `the repeats make ${images} images an epoch, at most ${MOST_ENTRIES} are possible; lower the repeats`,
  );
}

/** Latents on disk are used when every image has them and the metadata gives their sizes; else none is. */
function settleLatentFiles(
  entries: ImageEntry[],
  sized: boolean,
  params: DatasetParams,
  notes: string[],
): void {
  const withFile = entries.filter((entry) => entry.latentsFile !== null).length;
  if (sized && params.bucket_no_upscale) {
    throw new UserError("bucket_no_upscale cannot be used with metadata that gives train_resolution");
  }
  if (sized && withFile === entries.length) return;
  if (withFile > 0) {
    notes.push("latents beside the images are not used: some images or their sizes lack them");
  }
  for (const entry of entries) entry.latentsFile = null;
}

function ignored(subset: SubsetParams, name: string, twice: boolean, notes: string[]): boolean {
  if (subset.num_repeats < 1) {
    notes.push(`${name}: num_repeats is ${subset.num_repeats}; the subset is left out`);
  } else if (twice) notes.push(`${name}: is listed twice; the first entry counts`);
  else return false;
  return true;
}

/** Entries whose headers can be read, with their sizes; a file that seems cut off is decoded to make sure. */
async function readable(
  entries: ImageEntry[],
  { compat }: DatasetOptions,
  notes: string[],
): Promise<ImageEntry[]> {
  const good: ImageEntry[] = [];
  for (const entry of entries) {
    try {
      const { width, height } = probeSize(entry.path, compat);
      if (!looksWhole(entry.path)) await loadImage(entry.path, { compat });
      entry.size ??= [width, height];
      good.push(entry);
    } catch (error) {
      if (!(error instanceof UnreadableImage)) throw error;
      notes.push(`${error.message}; left out`);
    }
  }
  return good;
}

function nothingLeft({ subsets }: DatasetPlan, notes: readonly string[]): string {
  const names = subsets.map((subset) => "metadata_file" in subset ? subset.metadata_file : subset.image_dir);
  const first = notes.length > 0
    ? ` (${notes.slice(0, 3).join("; ")}${notes.length > 3 ? "; ..." : ""})`
    : "";
  return `${names.join(", ")}: no image to train on${first}; ${FORMAT_NAMES} files are looked for`;
}
