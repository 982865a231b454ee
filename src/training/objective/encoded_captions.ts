/** --cache_text_encoder_outputs: the captions of all pictures, encoded once before the first step. */

import { UsageError, UserError } from "../../base/errors.ts";
import { isTaken } from "../../base/files/exists.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import {
  type CachedText,
  readTextFile,
  refuseForeignText,
  textFileOf,
  type TextWidths,
  writeTextFile,
} from "../../data/cache/text_file.ts";
import {
  type Captioned,
  ownerOf,
  textKey,
  textOwners,
  withoutTextFile,
} from "../../data/cache/text_owners.ts";
import type { Dataset } from "../../data/mod.ts";
import { CaptionEncoder, type TextModel } from "./text_encoder.ts";

export interface EncodedCaptions {
  readonly widths: TextWidths;
  of(captioned: Captioned): CachedText;
}

export interface EncodedCaptionsOptions {
  readonly maxTokenLength: number | null;
  /** Keep them in *_te_outputs.npz beside the pictures, and take those that are there. */
  readonly toDisk: boolean;
  /** A file is for every dataset that has its picture, whatever else is written for it there, as in sd-scripts. */
  readonly compat: boolean;
}

/** Throws UsageError for options that change captions from step to step, and UserError for caches that do not fit. */
export async function encodeCaptions(
  datasets: readonly Dataset[],
  model: TextModel,
  { maxTokenLength, toDisk, compat }: EncodedCaptionsOptions,
  context: JobContext,
): Promise<EncodedCaptions> {
  refuseChanging(datasets);
  const subsets = datasets.flatMap((dataset) => dataset.subsets);
  if (subsets.some(({ caption_prefix, caption_suffix }) => caption_prefix || caption_suffix)) {
    context.warn("caption_prefix and caption_suffix have no effect: captions are encoded as they are");
  }
  const entries = datasets.flatMap((dataset) => dataset.entries);
  const owners = textOwners(toDisk ? entries : []);
  if (toDisk) {
    const fate = compat ? "are not used, as in sd-scripts" : "stay in memory";
    const others = withoutTextFile(entries, owners, fate);
    if (others !== null) context.warn(others);
  }
  const taken = ({ path, caption }: Captioned): Captioned =>
    compat && toDisk ? { path, caption: ownerOf(path, owners)!.caption } : { path, caption };
  const takenBy = new Map(entries.map((each) => [textKey(each), taken(each)]));
  const wanted = new Map(takenBy.values().map((each) => [textKey(each), each]));
  const found = new Map<string, CachedText>();
  const encoder = await CaptionEncoder.open(model, maxTokenLength), { widths } = encoder;
  try {
    const isFiled = ({ path, caption }: Captioned) => ownerOf(path, owners)?.caption === caption;
    const waiting = [...wanted].filter(([key, each]) => {
      const file = textFileOf(each.path);
      if (!isFiled(each) || !isTaken(file)) return true;
      refuseForeignText(file);
      found.set(key, readTextFile(file, widths));
      return false;
    });
    for (const [i, [key, each]] of waiting.entries()) {
      await hearSignals(context);
      const [made] = await encoder.encode([each.caption]);
      if (![...made.hidden, made.pooled].every((values) => values.every(Number.isFinite))) {
        throw new UserError(
          `${each.path}: the text encoders give states that are no numbers; use --mixed_precision no`,
        );
      }
      found.set(key, made);
      if (isFiled(each)) writeTextFile(textFileOf(each.path), made);
      context.progress({ task: "caching captions", step: i + 1, total: waiting.length });
    }
  } finally {
    encoder.destroy();
  }
  // steps ask, so that whose a file is was found out before
  const states = new Map(takenBy.entries().map(([key, each]) => [key, found.get(textKey(each))!]));
  return { widths, of: (captioned) => states.get(textKey(captioned))! };
}

/** Options of a subset that make a caption another one in each epoch. */
const CHANGING = [
  "shuffle_caption",
  "caption_dropout_rate",
  "caption_tag_dropout_rate",
  "token_warmup_step",
  "enable_wildcard",
] as const;

function refuseChanging(datasets: readonly Dataset[]): void {
  for (const subset of datasets.flatMap(({ subsets }) => subsets)) {
    const name = CHANGING.find((option) => Boolean(subset[option]));
    if (name === undefined) continue;
    throw new UsageError(
      `--cache_text_encoder_outputs and ${name} exclude each other: captions are encoded once; leave one out`,
    );
  }
}
