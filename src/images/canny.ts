/**
 * Edges of a picture as OpenCV finds them (cv2.Canny with a 3x3 Sobel and the L1 norm; J. Canny, "A Computational Approach
 * to Edge Detection", 1986): slopes, the ridges among them, and of these what is strong or hangs together with strong ones.
 */

import type { Pixels } from "./pixels.ts";

/** tan(22.5 degrees) as a fixed-point number of 15 fraction bits. */
const TAN_22 = 13573;

const WEAK = 0, NONE = 1, STRONG = 2;

/** OpenCV's BGR2GRAY: (height, width), one byte a pixel. */
export function grey({ width, height, channels: c, data }: Pixels): Uint8Array {
  const out = new Uint8Array(width * height);
  for (let i = 0; i < out.length; i++) {
    const at = i * c;
    out[i] = (data[at] * 9798 + data[at + 1] * 19235 + data[at + 2] * 3735 + (1 << 14)) >> 15;
  }
  return out;
}

/** 255 where an edge is, else 0; the larger threshold is the upper one. `image` is (height, width) of one byte. */
export function canny(image: Uint8Array, width: number, height: number, a: number, b: number): Uint8Array {
  const low = Math.min(a, b), high = Math.max(a, b);
  const { dx, dy } = slopes(image, width, height);
  const row = width + 2; // a border of nothing around everything
  const size = new Int32Array(row * (height + 2)), state = new Uint8Array(size.length).fill(NONE);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      size[(y + 1) * row + x + 1] = Math.abs(dx[i]) + Math.abs(dy[i]);
    }
  }
  const open: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y + 1) * row + x + 1, i = y * width + x;
      if (size[at] <= low || !isRidge(size, at, row, dx[i], dy[i])) continue;
      state[at] = size[at] > high ? STRONG : WEAK;
      if (state[at] === STRONG) open.push(at);
    }
  }
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const step of [-row - 1, -row, -row + 1, -1, 1, row - 1, row, row + 1]) {
      if (state[at + step] !== WEAK) continue;
      state[at + step] = STRONG;
      open.push(at + step);
    }
  }
  return Uint8Array.from(
    { length: width * height },
    (_, i) => state[(Math.floor(i / width) + 1) * row + i % width + 1] === STRONG ? 255 : 0,
  );
}

/** Larger than both neighbours across the edge; of two equal ones the first counts. */
function isRidge(size: Int32Array, at: number, row: number, dx: number, dy: number): boolean {
  const m = size[at], y = Math.abs(dy) * 32768, flat = Math.abs(dx) * TAN_22;
  if (y < flat) return m > size[at - 1] && m >= size[at + 1];
  if (y > flat + Math.abs(dx) * 65536) return m > size[at - row] && m >= size[at + row];
  const side = (dx ^ dy) < 0 ? -1 : 1;
  return m > size[at - row - side] && m > size[at + row + side];
}

/** Sobel in both directions; beyond the border the last pixel goes on. */
function slopes(image: Uint8Array, width: number, height: number): { dx: Int16Array; dy: Int16Array } {
  const dx = new Int16Array(image.length), dy = new Int16Array(image.length);
  for (let y = 0; y < height; y++) {
    const up = Math.max(0, y - 1) * width, here = y * width, down = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) {
      const l = Math.max(0, x - 1), r = Math.min(width - 1, x + 1);
      dx[here + x] = image[up + r] - image[up + l] + 2 * (image[here + r] - image[here + l]) +
        image[down + r] - image[down + l];
      dy[here + x] = image[down + l] - image[up + l] + 2 * (image[down + x] - image[up + x]) +
        image[down + r] - image[up + r];
    }
  }
  return { dx, dy };
}
