/**
 * cv2.resize(..., INTER_LINEAR) for bytes: four neighbours of each point, without averaging over what lies between them, in
 * OpenCV's fixed-point numbers (modules/imgproc/src/resize.cpp).
 */

import type { Pixels } from "../pixels.ts";

/** Weights are 11 bits each way. */
const ONE = 2048;

export function resizeBilinear(image: Pixels, width: number, height: number): Pixels {
  const { channels, data } = image,
    columns = weights(image.width, width),
    rows = weights(image.height, height);
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

/** For each place the two neighbours, and the second one's share of 2048. */
function weights(from: number, to: number): { low: number; high: number; share: number }[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    const place = Math.fround((i + 0.5) * scale - 0.5), low = Math.floor(place);
    if (low < 0) return { low: 0, high: 0, share: 0 };
    if (low >= from - 1) return { low: from - 1, high: from - 1, share: 0 };
    return { low, high: low + 1, share: Math.round(Math.fround(place - low) * ONE) };
  });
}
