/** Which numbers make sense for the options of datasets: for flags and for dataset files alike. */

import { type Range, SEEDS, SHARE } from "../../options/ranges.ts";

/** By the name in dataset files. */
export const RANGES = {
  /** Smaller ones have no latent left in the middle of a U-Net; larger ones fit no memory. */
  resolution: { min: 64, max: 16384 },
  batch_size: { min: 1, max: 65536 },
  /** Below 1 a subset is left out, with a note. */
  num_repeats: { max: 1_000_000 },
  min_bucket_reso: { min: 1, max: 16384 },
  max_bucket_reso: { min: 1, max: 16384 },
  bucket_reso_steps: { min: 1, max: 16384 },
  keep_tokens: { min: 0 },
  caption_dropout_rate: { min: 0, max: 1 },
  caption_tag_dropout_rate: { min: 0, max: 1 },
  caption_dropout_every_n_epochs: { min: 0 },
  token_warmup_min: { min: 0 },
  token_warmup_step: { min: 0 },
  validation_split: SHARE,
  validation_seed: SEEDS,
} as const satisfies Record<string, Range>;

/** --dataset_repeats, and the number before the name of a folder. */
export const REPEATS = { ...RANGES.num_repeats, min: 1 } as const;

/** Entries that all repeats together may make: more would take gigabytes before the first step. */
export const MOST_ENTRIES = 20_000_000;
