/** Which bucket each picture of a folder goes to and what of it is cut away: the training's own arithmetic, told in shares. */

import type { Size } from "../../../data/batches/buckets.ts";
import { type BucketParams, fillBuckets } from "../../../data/batches/fill_buckets.ts";
import { newEntry } from "../../../data/dataset/entries.ts";
import type { BucketRow, PlacedPicture } from "../shown.ts";
import type { SubsetParams } from "../../../data/dataset/params.ts";

export interface Placements {
  readonly rows: readonly BucketRow[];
  readonly byName: ReadonlyMap<string, PlacedPicture>;
  /** One line for each picture that fits no bucket. */
  readonly notes: readonly string[];
  /** null without buckets. */
  readonly meanError: number | null;
}

/** Throws UserError or UsageError for rules that make no buckets. */
export function placePictures(
  pictures: readonly { readonly name: string; readonly size: Size }[],
  rules: BucketParams,
  repeats: number,
): Placements {
  const notes: string[] = [], subset = {} as SubsetParams; // only its pictures' sizes count here
  const entries = pictures.map(({ name, size }) =>
    newEntry({ key: name, path: name, caption: "", repeats, isReg: false, subset, size })
  );
  const { buckets, bucketInfo } = fillBuckets(entries, rules, false, notes);
  const rows = buckets.map(({ size, members }) => ({
    size,
    pictures: new Set(members).size,
    repeated: members.length,
  }));
  const placed = entries.filter(({ bucket }) => bucket[0] > 0);
  const byName = new Map(
    placed.map(({ key, size, bucket, resized }) => [key, {
      ...{ bucket, resized, stays: staysOf(bucket, resized) },
      enlarged: resized[0] > size![0] || resized[1] > size![1],
    }]),
  );
  return { rows, byName, notes, meanError: placed.length > 0 ? bucketInfo?.mean_img_ar_error ?? null : null };
}

/** As fit() cuts (src/data/batches/prepare.ts). */
function staysOf(bucket: Size, resized: Size): PlacedPicture["stays"] {
  const [left, top] = [0, 1].map((i) => Math.max(0, Math.floor((resized[i] - bucket[i]) / 2)) / resized[i]);
  const right = left + bucket[0] / resized[0], bottom = top + bucket[1] / resized[1];
  return [left, top, Math.min(1, right), Math.min(1, bottom)];
}
