/** A picture read and cut to its bucket: what threads do for prepare_buckets_latents. */

import type { Task } from "../../../base/workers/task.ts";
import { type BucketRules, Buckets, type Size } from "../../../data/batches/buckets.ts";
import { misfitOf } from "../../../data/batches/fill_buckets.ts";
import { fit, type Fitted } from "../../../data/batches/prepare.ts";
import { loadImage, type LoadOptions } from "../../../images/load.ts";
import { IMAGE_ERRORS } from "../../../images/tasks.ts";

export interface Placed {
  /** Of the picture. */
  readonly size: Size;
  /** Null where its bucket is none to train with. */
  readonly fitted: Fitted | null;
}

export const placeTask: Task<{ path: string; options: LoadOptions; rules: BucketRules }, Placed> = {
  name: "place",
  async work({ path, options, rules }) {
    const image = await loadImage(path, options), size: Size = [image.width, image.height];
    const placement = Buckets.byRules(rules).place(...size), { bucket, resized } = placement;
    const misfit = misfitOf(size, placement, { bucket_reso_steps: rules.steps });
    return { size, fitted: misfit === null ? fit(image, bucket, resized) : null };
  },
  errors: IMAGE_ERRORS,
};
