/** OpenCV's INTER_AREA, to the byte. */

import type { Pixels } from "../pixels.ts";
import { roundByte } from "./round.ts";

/** Shares of source pixels in destination pixels: source, destination and weight of each, destination ascending. */
interface Shares {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly weight: Float32Array;
}

/** OpenCV's way to the quotient, which is not always source / target. */
const areaScale = (source: number, target: number) => 1 / (target / source);

/** OpenCV, computeResizeAreaTab. */
function areaShares(source: number, target: number): Shares {
  const scale = areaScale(source, target);
  const from: number[] = [], to: number[] = [], weight: number[] = [];
  const add = (x: number, o: number, share: number) => {
    from.push(x);
    to.push(o);
    weight.push(share);
  };
  for (let o = 0; o < target; o++) {
    const start = o * scale, end = start + scale, cell = Math.min(scale, source - start);
    const last = Math.min(Math.floor(end), source - 1), first = Math.min(Math.ceil(start), last);
    if (first - start > 1e-3) add(first - 1, o, (first - start) / cell);
    for (let x = first; x < last; x++) add(x, o, 1 / cell);
    if (end - last > 1e-3) add(last, o, Math.min(end - last, 1, cell) / cell);
  }
  return { from: Int32Array.from(from), to: Int32Array.from(to), weight: Float32Array.from(weight) };
}

/**
 * cv2.resize(..., INTER_AREA) for shrinking both sides; channels independent of each other. Products are rounded to float32
 * before they are added, as there.
 */
export function resizeArea(image: Pixels, width: number, height: number): Pixels {
  if (width > image.width || height > image.height) throw new RangeError("resizeArea() only shrinks");
  const stepX = areaScale(image.width, width), stepY = areaScale(image.height, height);
  if (Number.isInteger(stepX) && Number.isInteger(stepY)) {
    return resizeBlocks(image, width, height, stepX, stepY);
  }
  const { channels: c, data } = image, row = width * c;
  const out = new Uint8Array(row * height);
  const columns = areaShares(image.width, width), rows = areaShares(image.height, height);
  const line = new Float32Array(row), sum = new Float32Array(row);
  for (let r = 0; r < rows.from.length; r++) {
    const y = rows.to[r], weight = rows.weight[r];
    line.fill(0);
    addShares(line, data, rows.from[r] * image.width * c, c, columns);
    for (let i = 0; i < row; i++) sum[i] += Math.fround(weight * line[i]);
    if (rows.to[r + 1] === y) continue;
    for (let i = 0; i < row; i++) out[y * row + i] = roundByte(sum[i]);
    sum.fill(0);
  }
  return { width, height, channels: c, data: out };
}

/** One source row into one destination row; where an image of 12 megapixels spends its time. */
function addShares(line: Float32Array, data: Uint8Array, base: number, c: number, columns: Shares): void {
  const { from, to, weight } = columns;
  for (let i = 0; i < from.length; i++) {
    const x = base + from[i] * c, o = to[i] * c, share = weight[i];
    line[o] += Math.fround(data[x] * share);
    line[o + 1] += Math.fround(data[x + 1] * share);
    line[o + 2] += Math.fround(data[x + 2] * share);
    if (c === 4) line[o + 3] += Math.fround(data[x + 3] * share);
  }
}

/** Whole steps: the mean of a block (OpenCV, ResizeAreaFast). */
function resizeBlocks(image: Pixels, width: number, height: number, stepX: number, stepY: number): Pixels {
  const { channels: c, data } = image;
  const out = new Uint8Array(width * height * c), scale = Math.fround(1 / (stepX * stepY));
  const pairs = stepX === 2 && stepY === 2; // rounds halves up there, to even elsewhere
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < c; k++) {
        let sum = 0;
        for (let sy = 0; sy < stepY; sy++) {
          const base = ((y * stepY + sy) * image.width + x * stepX) * c + k;
          for (let sx = 0; sx < stepX; sx++) sum += data[base + sx * c];
        }
        out[(y * width + x) * c + k] = pairs ? (sum + 2) >> 2 : roundByte(Math.fround(sum * scale));
      }
    }
  }
  return { width, height, channels: c, data: out };
}
