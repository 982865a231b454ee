/** Looking at a picture once: its size, a small copy of it, and what tells it from others. Other threads do it. */

import type { Task } from "../../../base/workers/task.ts";
import { loadImage } from "../../../images/load.ts";
import { dropAlpha, type Pixels } from "../../../images/pixels.ts";
import { IMAGE_ERRORS } from "../../../images/tasks.ts";
import { pictureBytes } from "../../../images/write.ts";

/** What of the picture is drawn: its colours, its alpha channel or its red channel (what a mask is read from). */
export type Shown = "colours" | "alpha" | "red";

export interface Looked {
  readonly width: number;
  readonly height: number;
  /** Some of it is not opaque. */
  readonly alpha: boolean;
  /** Difference hash, 64 bits as 16 hexadecimal digits: of a grid of 9x8, whether each cell is brighter than the next. */
  readonly hash: string;
  /** Mean red, green and blue, 0xRRGGBB: pictures of one colour all have the same hash. */
  readonly colour: number;
  /** The small copy, a JPEG. */
  readonly jpeg: Uint8Array;
}

export interface LookAsked {
  readonly path: string;
  /** Longest side of the small copy. */
  readonly side: number;
  readonly shown: Shown;
}

export const lookTask: Task<LookAsked, Looked> = {
  name: "look",
  async work({ path, side, shown }) {
    const image = await loadImage(path, { alpha: true }), { width, height } = image;
    const small = shrink(image, side), seen = dropAlpha(small);
    const copy = shown === "colours" ? seen : channel(small, shown === "alpha" ? 3 : 0);
    const jpeg = await pictureBytes("copy.jpg", copy, { jpeg: 82 });
    return { width, height, alpha: isSeeThrough(image), ...fingerprint(seen), jpeg };
  },
  errors: IMAGE_ERRORS,
};

/**
 * Means of whole blocks of pixels: a third of resizing's time, and what is left at the right and lower edge is less than a
 * pixel of the small copy.
 */
function shrink({ width, height, data }: Pixels, side: number): Pixels {
  const step = Math.ceil(Math.max(width, height) / side);
  const [across, down] = [Math.min(step, width), Math.min(step, height)];
  const columns = Math.floor(width / across), rows = Math.floor(height / down);
  const out = new Uint8Array(columns * rows * 4),
    sums = new Uint32Array(columns * 4),
    share = 1 / (across * down);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let y = row * down; y < (row + 1) * down; y++) {
      for (let column = 0, o = 0, i = y * width * 4; column < columns; column++, o += 4) {
        for (let x = 0; x < across; x++, i += 4) {
          sums[o] += data[i];
          sums[o + 1] += data[i + 1];
          sums[o + 2] += data[i + 2];
          sums[o + 3] += data[i + 3];
        }
      }
    }
    for (let o = 0, at = row * columns * 4; o < sums.length; o++) out[at + o] = Math.round(sums[o] * share);
  }
  return { width: columns, height: rows, channels: 4, data: out };
}

function isSeeThrough({ data }: Pixels): boolean {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return true;
  return false;
}

/** One channel as grey. */
function channel({ width, height, data }: Pixels, which: number): Pixels {
  const out = new Uint8Array(width * height * 3);
  for (let i = which, o = 0; o < out.length; i += 4, o += 3) out.fill(data[i], o, o + 3);
  return { width, height, channels: 3, data: out };
}

const COLUMNS = 9, ROWS = 8;

/** Of RGB. */
function fingerprint(image: Pixels): { hash: string; colour: number } {
  const { width, height, data } = image, grey = new Float64Array(COLUMNS * ROWS);
  const count = new Float64Array(COLUMNS * ROWS), sums = [0, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(y * ROWS / height) * COLUMNS;
    for (let x = 0; x < width; x++, i += 3) {
      const cell = row + Math.floor(x * COLUMNS / width);
      grey[cell] += 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
      count[cell]++;
      for (let k = 0; k < 3; k++) sums[k] += data[i + k];
    }
  }
  const mean = (cell: number) => count[cell] ? grey[cell] / count[cell] : 0;
  let bits = 0n;
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS - 1; column++) {
      const cell = row * COLUMNS + column;
      bits = bits << 1n | (mean(cell) > mean(cell + 1) + SAME ? 1n : 0n);
    }
  }
  const [red, green, blue] = sums.map((sum) => Math.round(sum / (width * height)));
  return { hash: bits.toString(16).padStart(16, "0"), colour: red << 16 | green << 8 | blue };
}

/** Grey levels that are no difference: a flat background saved as JPEG. */
const SAME = 1;
