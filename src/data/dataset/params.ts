/**
 * Every option of every dataset and subset, settled: subset, dataset, [general], command line, default, in this
 * order (sd-scripts 0.9.1, BlueprintGenerator). Options keep the spelling of the dataset file, one name all the way.
 */

import { UsageError } from "../../base/errors.ts";
import type { CaptionOptions } from "../batches/captions.ts";
import type { DatasetFile, Values } from "./config_file.ts";
import type { Method } from "./config_schema.ts";
import type { DatasetFlags } from "./options.ts";
import type { Interpolation } from "../../images/resampling/resize.ts";
import { RANGES } from "./ranges.ts";
import { outside } from "../../options/ranges.ts";

interface BaseSubset extends CaptionOptions {
  readonly image_dir: string | null;
  readonly num_repeats: number;
  readonly color_aug: boolean;
  readonly flip_aug: boolean;
  readonly face_crop_aug_range: readonly [number, number] | null;
  readonly random_crop: boolean;
  /** Of sd-scripts 0.10.1; undefined where none is named, since 0.9.1 knows no such key. */
  readonly resize_interpolation: Interpolation | undefined;
}
export interface DreamBoothSubset extends BaseSubset {
  readonly image_dir: string;
  readonly is_reg: boolean;
  readonly class_tokens: string | null;
  readonly caption_extension: string;
  readonly cache_info: boolean;
  readonly alpha_mask: boolean;
}
export interface FineTuningSubset extends BaseSubset {
  readonly metadata_file: string;
  readonly alpha_mask: boolean;
}
export interface ControlNetSubset extends BaseSubset {
  readonly image_dir: string;
  readonly conditioning_data_dir: string;
  readonly caption_extension: string;
  readonly cache_info: boolean;
}
export type SubsetParams = DreamBoothSubset | FineTuningSubset | ControlNetSubset;

export interface DatasetParams {
  readonly max_token_length: number | null;
  readonly resolution: readonly [number, number] | null;
  readonly network_multiplier: number;
  readonly debug_dataset: boolean;
  readonly batch_size: number;
  readonly enable_bucket: boolean;
  readonly min_bucket_reso: number;
  readonly max_bucket_reso: number;
  readonly bucket_reso_steps: number;
  readonly bucket_no_upscale: boolean;
  /** Of sd-scripts 0.10.1; undefined where nothing is held out, since 0.9.1 knows no such keys. */
  readonly validation_split: number | undefined;
  readonly validation_seed: number | undefined;
  /** DreamBooth only. */
  readonly prior_loss_weight?: number;
}

/** One dataset with everything decided. */
export interface DatasetPlan {
  readonly kind: Method;
  readonly params: DatasetParams;
  readonly subsets: readonly SubsetParams[];
  /** What was left out on the way here. */
  readonly notes?: readonly string[];
}

/** Settles every option. Throws UsageError for values that no dataset can have. */
export function settle(file: DatasetFile, flags: DatasetFlags): DatasetPlan[] {
  return file.datasets.map(({ method: kind, values, subsets }) => ({
    kind,
    params: pick(datasetOfFlags(kind, flags), [values, file.general]),
    subsets: subsets.map((subset) => pick(SUBSETS[kind](flags), [subset, values, file.general])),
  }));
}

/** What each key of `fallback` is in the first of the sources that says so, whose types the schema has checked. */
function pick<T extends object>(fallback: T, sources: readonly Values[]): T {
  const found = Object.entries(fallback).map(([key, value]) => {
    const source = sources.find((values) => values[key] !== undefined && values[key] !== null);
    return [key, source ? source[key] : value];
  });
  return Object.fromEntries(found);
}

/** What holds where a dataset file says nothing: flags by their names in such a file, and keys that have no flag. */
function datasetOfFlags(kind: Method, flags: DatasetFlags): DatasetParams {
  return {
    max_token_length: flags.maxTokenLength,
    resolution: parseResolution(flags.resolution),
    network_multiplier: 1,
    debug_dataset: flags.debugDataset,
    batch_size: flags.trainBatchSize,
    enable_bucket: flags.enableBucket,
    min_bucket_reso: flags.minBucketReso,
    max_bucket_reso: flags.maxBucketReso,
    bucket_reso_steps: flags.bucketResoSteps,
    bucket_no_upscale: flags.bucketNoUpscale,
    validation_split: flags.validationSplit || undefined,
    validation_seed: flags.validationSeed ?? undefined,
    ...(kind === "dreambooth" && { prior_loss_weight: flags.priorLossWeight }),
  };
}

function subsetOfFlags(flags: DatasetFlags): BaseSubset {
  return {
    image_dir: null,
    num_repeats: flags.datasetRepeats,
    shuffle_caption: flags.shuffleCaption,
    caption_separator: flags.captionSeparator,
    keep_tokens: flags.keepTokens,
    keep_tokens_separator: flags.keepTokensSeparator,
    secondary_separator: flags.secondarySeparator,
    enable_wildcard: flags.enableWildcard,
    color_aug: flags.colorAug,
    flip_aug: flags.flipAug,
    face_crop_aug_range: parseFaceCrop(flags.faceCropAugRange),
    random_crop: flags.randomCrop,
    resize_interpolation: flags.resizeInterpolation ?? undefined,
    caption_prefix: flags.captionPrefix,
    caption_suffix: flags.captionSuffix,
    caption_dropout_rate: flags.captionDropoutRate,
    caption_dropout_every_n_epochs: flags.captionDropoutEveryNEpochs,
    caption_tag_dropout_rate: flags.captionTagDropoutRate,
    token_warmup_min: flags.tokenWarmupMin,
    token_warmup_step: flags.tokenWarmupStep,
  };
}

const captionExtension = ({ captionExtention, captionExtension }: DatasetFlags) =>
  captionExtention ?? captionExtension;

/** A subset of each method; what REQUIRED has is in the file and stands here for its place. */
const SUBSETS: Readonly<Record<Method, (flags: DatasetFlags) => SubsetParams>> = {
  dreambooth: (flags) => ({
    ...subsetOfFlags(flags),
    image_dir: "",
    is_reg: false,
    class_tokens: null,
    caption_extension: captionExtension(flags),
    cache_info: flags.cacheInfo,
    alpha_mask: flags.alphaMask,
  }),
  finetuning: (flags) => ({ ...subsetOfFlags(flags), metadata_file: "", alpha_mask: flags.alphaMask }),
  controlnet: (flags) => ({
    ...subsetOfFlags(flags),
    image_dir: "",
    conditioning_data_dir: flags.conditioningDataDir ?? "",
    caption_extension: captionExtension(flags),
    cache_info: flags.cacheInfo,
  }),
};

function parseResolution(value: string | null): readonly [number, number] | null {
  if (value === null) return null;
  const parts = String(value).split(",").map((part) => part.trim());
  const numbers = parts.map(Number);
  const valid = numbers.length >= 1 && numbers.length <= 2 &&
    numbers.every((n) => Number.isInteger(n) && n > 0);
  if (!valid || parts.includes("")) {
    throw new UsageError(`--resolution ${value}: give one size or "width,height", like 512 or 640,448`);
  }
  const wanted = numbers.map((n) => outside(RANGES.resolution, n)).find((text) => text !== null);
  if (wanted) throw new UsageError(`--resolution ${value}: a side is ${wanted} pixels`);
  const [width, height = width] = numbers;
  return [width, height];
}

function parseFaceCrop(value: string | null): readonly [number, number] | null {
  if (value === null) return null;
  const [lower, upper, ...more] = value.split(",").map(Number);
  if (more.length || !(lower > 0 && lower <= upper && upper < Infinity)) {
    throw new UsageError(`--face_crop_aug_range ${value}: give "lower,upper" above 0, like 2.0,4.0`);
  }
  return [lower, upper];
}
