/** Which images of a dataset go into which bucket, and which are left out because they fit none. */

import { UsageError } from "../../base/errors.ts";
import { HOW_TO_LIFT, limit } from "../../base/limits.ts";
import { adjustLimits, type BucketRules, Buckets, type Placement, type Size } from "./buckets.ts";
import type { ImageEntry } from "../dataset/entries.ts";
import type { DatasetParams } from "../dataset/params.ts";

/** A bucket: its size and the numbers of its entries, each as often as it is repeated. */
export interface Bucket {
  readonly size: Size;
  readonly members: readonly number[];
}

/** For the metadata of what is trained: as sd-scripts' bucket_info. */
export interface BucketInfo {
  readonly buckets: Record<number, { resolution: Size; count: number }>;
  readonly mean_img_ar_error: number;
}

/** What buckets are made by. */
export type BucketParams = Pick<
  DatasetParams,
  | "resolution"
  | "enable_bucket"
  | "min_bucket_reso"
  | "max_bucket_reso"
  | "bucket_reso_steps"
  | "bucket_no_upscale"
>;

interface Filled {
  readonly buckets: Bucket[];
  readonly bucketInfo: BucketInfo | null;
}

/** Sorts `entries`, which get their bucket and size; `sized`: each came with the size that its latents were made for. */
export function fillBuckets(
  entries: readonly ImageEntry[],
  params: BucketParams,
  sized: boolean,
  notes: string[],
): Filled {
  const rule = bucketsFor(entries, params, sized);
  const errors: number[] = [];
  const kept = entries.map((entry, number) => ({ entry, number })).filter(({ entry }) => {
    const placement = rule.buckets.place(...entry.size!);
    const misfit = misfitOf(entry.size!, placement, params);
    if (misfit !== null) {
      notes.push(`${entry.path}: is ${entry.size!.join("x")}${misfit}`);
      return false;
    }
    entry.bucket = placement.bucket;
    entry.resized = placement.resized;
    errors.push(Math.abs(placement.aspectError));
    return true;
  });
  const sizes = rule.buckets.sorted();
  const buckets = sizes.map((size) => ({
    size,
    members: kept.filter(({ entry }) => entry.bucket[0] === size[0] && entry.bucket[1] === size[1])
      .flatMap(({ entry, number }) => Array<number>(entry.repeats).fill(number)),
  })).filter(({ members }) => members.length > 0);
  const bucketInfo = rule.enabled
    ? {
      buckets: Object.fromEntries(
        buckets.map((b, i) => [i, { resolution: b.size, count: b.members.length }]),
      ),
      mean_img_ar_error: errors.reduce((a, b) => a + b, 0) / errors.length,
    }
    : null;
  return { buckets, bucketInfo };
}

/** Why a picture fits no bucket, as the rest of a sentence about its size; null where it does. */
export function misfitOf(
  size: Size,
  { bucket, resized }: Pick<Placement, "bucket" | "resized">,
  { bucket_reso_steps: step }: Pick<BucketParams, "bucket_reso_steps">,
): string | null {
  const most = limit(MAX_SCALED);
  if (pixels(bucket) > most || pixels(resized) > Math.max(most, pixels(size))) {
    return ` and would be scaled to ${resized.join("x")}; left out, cut it or ${HOW_TO_LIFT}`;
  }
  const fits = bucket[0] > 0 && bucket[1] > 0;
  return fits ? null : `, a side is below bucket_reso_steps ${step}; left out`;
}

/** A picture that is scaled up to fill its bucket has at most as many pixels, what is cut off included. */
const MAX_SCALED = 2 ** 26;

function pixels([width, height]: Size): number {
  return width * height;
}

function bucketsFor(
  entries: readonly ImageEntry[],
  params: BucketParams,
  sized: boolean,
): { buckets: Buckets; enabled: boolean } {
  if (sized) return { buckets: Buckets.among(entries.map((entry) => entry.size!)), enabled: true };
  const resolution = params.resolution;
  if (!resolution) throw new UsageError("resolution is required: give --resolution, like 512 or 640,448");
  if (pixels(resolution) > limit(MAX_SCALED)) {
    throw new UsageError(
      `resolution ${resolution.join("x")} is above ${MAX_SCALED} pixels; lower it, or ${HOW_TO_LIFT}`,
    );
  }
  if (!params.enable_bucket) return { buckets: Buckets.among([resolution]), enabled: false };
  const rules: BucketRules = {
    resolution,
    noUpscale: params.bucket_no_upscale,
    minSize: params.min_bucket_reso,
    maxSize: params.max_bucket_reso,
    steps: params.bucket_reso_steps,
  };
  return { buckets: Buckets.byRules(adjustLimits(rules)), enabled: true };
}
