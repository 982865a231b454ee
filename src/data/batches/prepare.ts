/** From a decoded image to training pixels: resize, cut, and numbers from -1 to 1. */

import { type CropBox, cropBox, type Size } from "./buckets.ts";
import { crop, type Pixels } from "../../images/pixels.ts";
import { type Interpolation, resize } from "../../images/resampling/resize.ts";

export interface Fitted {
  readonly image: Pixels;
  /** Before resizing. */
  readonly originalSize: Size;
  readonly cropBox: CropBox;
}

/** Scales to `resized`, by `interpolation` or as sd-scripts 0.9.1, and cuts `bucket` out, from (left, top) or from the middle. */
export function fit(
  image: Pixels,
  bucket: Size,
  resized: Size,
  left: number | null = null,
  top: number | null = null,
  interpolation: Interpolation | null = null,
): Fitted {
  const scaled = resize(image, ...resized, interpolation);
  const middle = (extra: number) => Math.max(0, Math.floor(extra / 2));
  const cut = crop(
    scaled,
    left ?? middle(scaled.width - bucket[0]),
    top ?? middle(scaled.height - bucket[1]),
    ...bucket,
  );
  const originalSize: Size = [image.width, image.height];
  return { image: cut, originalSize, cropBox: cropBox(bucket, originalSize) };
}

/** float32 of (x / 255 - 0.5) / 0.5 for every byte, in float32 steps as torchvision takes them. */
const NORMALIZED = Float32Array.from(
  { length: 256 },
  (_, x) => Math.fround(Math.fround(Math.fround(x / 255) - 0.5) / 0.5),
);

/** Writes the image's RGB as (height, width, 3) float32 in [-1, 1] into `out` at `offset`. */
export function writeNormalized(image: Pixels, out: Float32Array, offset: number): void {
  const { channels: c, data } = image, count = image.width * image.height;
  for (let i = 0, o = offset; i < count; i++) {
    for (let k = 0; k < 3; k++) out[o++] = NORMALIZED[data[i * c + k]];
  }
}

/** Alpha as (height, width) float32 in [0, 1]; all ones without an alpha channel. */
export function alphaMask(image: Pixels): Float32Array {
  const out = new Float32Array(image.width * image.height).fill(1);
  if (image.channels === 4) { for (let i = 0; i < out.length; i++) out[i] = image.data[i * 4 + 3] / 255; }
  return out;
}
