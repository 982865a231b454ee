/**
 * Every option of every dataset and subset, settled: subset, dataset, [general], command line, default, in this
 * order (sd-scripts 0.9.1, BlueprintGenerator). Options keep the spelling of the dataset file, one name all the way.
 */

import { UsageError } from "../../base/errors.ts";
import type { CaptionOptions } from "../batches/captions.ts";
import type { DatasetFile, Values } from "./config_file.ts";
import type { Method } from "./config_schema.ts";
import { RANGES } from "./ranges.ts";
import { outside } from "../../options/ranges.ts";

/** Flags by sd-scripts' names, with underscores or in camelCase; null and absent are alike. */
export type Flags = Readonly<Record<string, unknown>>;

interface BaseSubset extends CaptionOptions {
  readonly image_dir: string | null;
  readonly num_repeats: number;
  readonly color_aug: boolean;
  readonly flip_aug: boolean;
  readonly face_crop_aug_range: readonly [number, number] | null;
  readonly random_crop: boolean;
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

const SUBSET_DEFAULTS = {
  image_dir: null,
  num_repeats: 1,
  shuffle_caption: false,
  caption_separator: ",",
  keep_tokens: 0,
  keep_tokens_separator: "",
  secondary_separator: null,
  enable_wildcard: false,
  color_aug: false,
  flip_aug: false,
  face_crop_aug_range: null,
  random_crop: false,
  caption_prefix: null,
  caption_suffix: null,
  caption_dropout_rate: 0,
  caption_dropout_every_n_epochs: 0,
  caption_tag_dropout_rate: 0,
  token_warmup_min: 1,
  token_warmup_step: 0,
};

const METHOD_SUBSET_DEFAULTS: Record<Method, Record<string, unknown>> = {
  dreambooth: {
    is_reg: false,
    class_tokens: null,
    caption_extension: ".caption",
    cache_info: false,
    alpha_mask: false,
  },
  finetuning: { metadata_file: null, alpha_mask: false },
  controlnet: { conditioning_data_dir: null, caption_extension: ".caption", cache_info: false },
};

const DATASET_DEFAULTS = {
  max_token_length: null,
  resolution: null,
  network_multiplier: 1,
  debug_dataset: false,
  batch_size: 1,
  enable_bucket: false,
  min_bucket_reso: 256,
  max_bucket_reso: 1024,
  bucket_reso_steps: 64,
  bucket_no_upscale: false,
};

/** Settles every option. Throws UsageError for values that no dataset can have. */
export function settle(file: DatasetFile, flags: Flags): DatasetPlan[] {
  const line = fromFlags(flags);
  return file.datasets.map(({ method: kind, values, subsets }) => {
    const datasetDefaults = kind === "dreambooth"
      ? { ...DATASET_DEFAULTS, prior_loss_weight: 1 }
      : DATASET_DEFAULTS;
    const subsetDefaults = { ...SUBSET_DEFAULTS, ...METHOD_SUBSET_DEFAULTS[kind] };
    return {
      kind,
      params: pick(datasetDefaults, [values, file.general, line]) as unknown as DatasetParams,
      subsets: subsets.map((subset) =>
        pick(subsetDefaults, [subset, values, file.general, line]) as unknown as SubsetParams
      ),
    };
  });
}

function pick(
  defaults: Record<string, unknown>,
  sources: readonly (Flags | Values)[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(defaults).map(([key, fallback]) => {
      const source = sources.find((values) => values[key] !== undefined && values[key] !== null);
      return [key, source ? source[key] : fallback];
    }),
  );
}

/** Flags under the names of the dataset file, texts like "640,448" taken apart. */
function fromFlags(given: Flags): Flags {
  const flags: Flags = Object.fromEntries(
    Object.entries(given).map((
      [name, value],
    ) => [name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), value]),
  );
  return {
    ...flags,
    batch_size: flags.train_batch_size,
    num_repeats: flags.dataset_repeats,
    caption_extension: flags.caption_extention ?? flags.caption_extension,
    resolution: parseResolution(flags.resolution),
    face_crop_aug_range: parseFaceCrop(flags.face_crop_aug_range),
  };
}

function parseResolution(value: unknown): readonly number[] | null {
  if (value === undefined || value === null) return null;
  const parts = Array.isArray(value) ? value : String(value).split(",").map((part) => part.trim());
  const numbers = parts.map(Number);
  const valid = numbers.length >= 1 && numbers.length <= 2 &&
    numbers.every((n) => Number.isInteger(n) && n > 0);
  if (!valid || parts.includes("")) {
    throw new UsageError(`--resolution ${value}: give one size or "width,height", like 512 or 640,448`);
  }
  const wanted = numbers.map((n) => outside(RANGES.resolution, n)).find((text) => text !== null);
  if (wanted) throw new UsageError(`--resolution ${value}: a side is ${wanted} pixels`);
  return numbers.length === 1 ? [numbers[0], numbers[0]] : numbers;
}

function parseFaceCrop(value: unknown): readonly number[] | null {
  if (value === undefined || value === null) return null;
  const numbers = Array.isArray(value) ? value.map(Number) : String(value).split(",").map(Number);
  if (numbers.length !== 2 || numbers.some(Number.isNaN) || numbers[0] > numbers[1]) {
    throw new UsageError(`--face_crop_aug_range ${value}: give "lower,upper", like 2.0,4.0`);
  }
  return numbers;
}
