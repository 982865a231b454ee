/** A conditioning picture as a step sees it: scaled, cut and mirrored with its picture. */

import type { ImageEntry } from "../dataset/entries.ts";
import { loadImage } from "../../images/load.ts";
import { flip, type Pixels } from "../../images/pixels.ts";
import { fit, writeNormalized } from "./prepare.ts";
import type { Size } from "./buckets.ts";

interface ConditioningOptions {
  readonly bucketed: boolean;
  readonly flipped: boolean;
  readonly compat: boolean;
}

/**
 * With buckets it is scaled by area and its middle cut out; without them Pillow's LANCZOS scales it to where its picture goes.
 * There sd-scripts 0.9.1, and `compat`, squeezes it to the training size even where its picture, being cached, was cut.
 * resize_interpolation takes the place of either filter. Throws UnreadableImage. Null where the entry has none.
 */
export async function conditioningOf(
  { conditioning, bucket, resized, subset: { resize_interpolation: asked } }: ImageEntry,
  { bucketed, flipped, compat }: ConditioningOptions,
): Promise<Pixels | null> {
  if (conditioning === null) return null;
  const loaded = await loadImage(conditioning.path, { compat });
  const { image } = bucketed
    ? fit(loaded, bucket, resized, null, null, asked ?? "area")
    : fit(loaded, bucket, compat ? bucket : resized, null, null, asked ?? "lanczos");
  return flipped ? flip(image) : image;
}

/** (N, height, width, 3) in [-1, 1]; null where no picture has one. */
export function stackConditioning(
  images: readonly (Pixels | null)[],
  [width, height]: Size,
): Float32Array | null {
  if (images.every((image) => image === null)) return null;
  const size = width * height * 3, out = new Float32Array(size * images.length);
  images.forEach((image, i) => image && writeNormalized(image, out, i * size));
  return out;
}
