/** Pictures as models of captions and CLIP take them: OpenAI's mean and spread, red first, (side, side, 3). */

import { crop, type Pixels } from "./pixels.ts";
import { resizePillow } from "./resampling/pillow.ts";

const MEAN = [0.48145466, 0.4578275, 0.40821073].map(Math.fround);
const SPREAD = [0.26862954, 0.26130258, 0.27577711].map(Math.fround);

export interface ClipPixels {
  /** What the shorter side becomes before the middle is cut out; null presses the whole picture into the square. */
  readonly shorter: number | null;
  readonly side: number;
}

export function prepareClip(image: Pixels, { shorter, side }: ClipPixels): Float32Array {
  return shorter === null ? prepareSquare(image, side) : prepareMiddle(image, shorter, side);
}

/** BLIP's: the whole picture pressed into a square. */
export function prepareSquare(image: Pixels, side: number): Float32Array {
  return normalized(resizePillow(image, side, side, "bicubic"));
}

/** CLIP's: the shorter side becomes `shorter`, and the middle is cut out. */
export function prepareMiddle(image: Pixels, shorter: number, side: number): Float32Array {
  const { width, height } = image, least = Math.min(width, height);
  const across = width === least ? shorter : Math.trunc(shorter * width / least);
  const down = height === least ? shorter : Math.trunc(shorter * height / least);
  const resized = resizePillow(image, across, down, "bicubic");
  return normalized(crop(resized, (across - side) >> 1, (down - side) >> 1, side, side));
}

function normalized({ data }: Pixels): Float32Array {
  return Float32Array.from(
    data,
    (value, i) => Math.fround(Math.fround(value / 255) - MEAN[i % 3]) / SPREAD[i % 3],
  );
}
