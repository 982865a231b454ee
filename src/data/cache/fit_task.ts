/** A picture read and cut to its bucket: what threads do for cached latents. */

import type { Task } from "../../base/workers/task.ts";
import { loadImage, type LoadOptions } from "../../images/load.ts";
import type { Pixels } from "../../images/pixels.ts";
import type { Interpolation } from "../../images/resampling/resize.ts";
import { IMAGE_ERRORS } from "../../images/tasks.ts";
import type { Size } from "../batches/buckets.ts";
import { fit, type Fitted } from "../batches/prepare.ts";

interface Unfitted {
  readonly path: string;
  readonly options: LoadOptions;
  /** Null leaves the picture as it is. */
  readonly fit: {
    readonly bucket: Size;
    readonly resized: Size;
    readonly interpolation: Interpolation | null;
  } | null;
}

/** One of `fitted` and `image`. */
export interface Pictured {
  readonly size: Size;
  readonly fitted: Fitted | null;
  readonly image: Pixels | null;
}

export const fitTask: Task<Unfitted, Pictured> = {
  name: "fit",
  async work({ path, options, fit: into }) {
    const image = await loadImage(path, options), size: Size = [image.width, image.height];
    if (into === null) return { size, fitted: null, image };
    const { bucket, resized, interpolation } = into;
    return { size, fitted: fit(image, bucket, resized, null, null, interpolation), image: null };
  },
  errors: IMAGE_ERRORS,
};
