/**
 * cv2.resize(..., INTER_LINEAR) for bytes: four neighbours of each point, without averaging over what lies between them, in
 * OpenCV's fixed-point numbers (modules/imgproc/src/resize.cpp).
 */

import type { Pixels } from "../pixels.ts";

/** Weights are 11 bits each way. */
const ONE = 2048;

export function resizeBilinear(image: Pixels, width: number, height: number): Pixels {
  const columns = weights(image.width, width),
    rows = weights(image.height, height);
  return blend(image, columns, rows);
}

/** cv2.resize(..., INTER_AREA) where a side grows: a pixel for each point, mixed only where two share it. */
export function stretchArea(image: Pixels, width: number, height: number): Pixels {
  return blend(image, overlaps(image.width, width), overlaps(image.height, height));
}

function blend(image: Pixels, columns: readonly Pair[], rows: readonly Pair[]): Pixels {
  const { channels, data } = image, width = columns.length, height = rows.length;
  const out = new Uint8Array(width * height * channels);
  const across = (row: number, x: number, c: number) => {
    const { low, high, share } = columns[x], start = row * image.width;
    return data[(start + low) * channels + c] * (ONE - share) + data[(start + high) * channels + c] * share;
  };
  for (let y = 0, at = 0; y < height; y++) {
    const { low, high, share } = rows[y];
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++, at++) {
        const top = (ONE - share) * (across(low, x, c) >> 4), bottom = share * (across(high, x, c) >> 4);
        out[at] = ((top >> 16) + (bottom >> 16) + 2) >> 2;
      }
    }
  }
  return { width, height, channels, data: out };
}

/** Two neighbours, and the second one's share of 2048. */
interface Pair {
  readonly low: number;
  readonly high: number;
  readonly share: number;
}

/** For each place as far from its neighbours as it is. */
function weights(from: number, to: number): Pair[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    const place = Math.fround((i + 0.5) * scale - 0.5), low = Math.floor(place);
    if (low < 0) return { low: 0, high: 0, share: 0 };
    if (low >= from - 1) return { low: from - 1, high: from - 1, share: 0 };
    return { low, high: low + 1, share: Math.round(Math.fround(place - low) * ONE) };
  });
}

/** For each place how much of it each neighbour covers. */
function overlaps(from: number, to: number): Pair[] {
  const grown = to / from, scale = 1 / grown;
  return Array.from({ length: to }, (_, i) => {
    const low = Math.floor(i * scale), part = Math.fround(i + 1 - (low + 1) * grown);
    if (low >= from - 1) return { low: from - 1, high: from - 1, share: 0 };
    return {
      low,
      high: low + 1,
      share: part <= 0 ? 0 : Math.round(Math.fround(part - Math.floor(part)) * ONE),
    };
  });
}
