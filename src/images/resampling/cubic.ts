/**
 * cv2.resize(..., INTER_CUBIC) for bytes: sixteen neighbours of each point, without averaging over what lies between them
 * in float32, as OpenCV 5 does it.
 */

import type { Pixels } from "../pixels.ts";
import { roundByte } from "./round.ts";

const TAPS = 4;

/** Weights of four neighbours, and the first one's place, which may be beyond the edge. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

export function resizeCubic(image: Pixels, width: number, height: number): Pixels {
  const { channels, data } = image, columns = taps(image.width, width), rows = taps(image.height, height);
  const row = width * channels, out = new Uint8Array(row * height), made = new Map<number, Float32Array>();
  const across = (y: number) => {
    let sums = made.get(y);
    if (!sums) {
      made.set(y, sums = resizeRow(data, y * image.width * channels, image.width, channels, columns));
    }
    return sums;
  };
  const f = Math.fround;
  for (let y = 0; y < height; y++) {
    const { first, weights } = rows[y];
    const lines = weights.map((_, k) => across(clamp(first + k, image.height)));
    for (let i = 0; i < row; i++) {
      let sum = f(lines[0][i] * weights[0]);
      for (let k = 1; k < TAPS; k++) sum = f(sum + lines[k][i] * weights[k]);
      out[y * row + i] = roundByte(sum);
    }
    for (const old of made.keys()) if (old < first) made.delete(old);
  }
  return { width, height, channels, data: out };
}

function resizeRow(
  data: Uint8Array,
  start: number,
  from: number,
  channels: number,
  columns: readonly Taps[],
): Float32Array {
  const out = new Float32Array(columns.length * channels);
  columns.forEach(({ first, weights }, x) => {
    for (let k = 0; k < TAPS; k++) {
      const at = start + clamp(first + k, from) * channels;
      for (let c = 0; c < channels; c++) out[x * channels + c] += data[at + c] * weights[k];
    }
  });
  return out;
}

function clamp(x: number, length: number): number {
  return x < 0 ? 0 : x >= length ? length - 1 : x;
}

function taps(from: number, to: number): Taps[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    const place = Math.fround((i + 0.5) * scale - 0.5), before = Math.floor(place);
    return {
      first: before - 1,
      weights: cubic(Math.fround(place - before)),
    };
  });
}

/** interpolateCubic(), A = -0.75, in float32. */
function cubic(x: number): number[] {
  const f = Math.fround, a = -0.75;
  const far = (t: number) => f(f(f(f(f(f(a * t) - 5 * a) * t) + 8 * a) * t) - 4 * a);
  const near = (t: number) => f(f(f(f(f((a + 2) * t) - (a + 3)) * t) * t) + 1);
  const first = far(f(x + 1)), second = near(x), third = near(f(1 - x));
  return [first, second, third, f(f(f(1 - first) - second) - third)];
}
