/**
 * The two resampling rules of the reference, to the byte where its arithmetic is fixed: OpenCV's INTER_AREA for
 * shrinking and Pillow's LANCZOS for everything else.
 */

import type { Pixels } from "./pixels.ts";

/** Scales `image` as sd-scripts 0.9.1 does: by area when both sides shrink, else Lanczos. */
export function resize(image: Pixels, width: number, height: number): Pixels {
  if (image.width === width && image.height === height) return image;
  return image.width > width && image.height > height
    ? resizeArea(image, width, height)
    : resizeLanczos(image, width, height);
}

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

/** Round half to even, clamped: OpenCV's saturate_cast<uchar>. */
function roundByte(x: number): number {
  const down = Math.floor(x), rest = x - down;
  const rounded = rest > 0.5 || rest === 0.5 && down % 2 !== 0 ? down + 1 : down;
  return rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
}

const PRECISION = 22; // fraction bits of Pillow's 8-bit weights

interface Kernel {
  readonly size: number;
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Int32Array; // (target, size)
}

/** Pillow's Image.resize(..., LANCZOS): horizontal, then vertical, fixed point; RGBA through premultiplied alpha. */
export function resizeLanczos(image: Pixels, width: number, height: number): Pixels {
  let { data } = image;
  const c = image.channels;
  if (c === 4) data = premultiply(data);
  if (width !== image.width) {
    data = horizontal(data, image.width, image.height, c, lanczos(image.width, width));
  }
  if (height !== image.height) data = vertical(data, width, c, lanczos(image.height, height));
  if (c === 4) data = unpremultiply(data);
  return { width, height, channels: c, data };
}

function lanczos(source: number, target: number): Kernel {
  const scale = source / target, filterScale = Math.max(scale, 1), support = 3 * filterScale;
  const size = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(target), counts = new Int32Array(target);
  const weights = new Int32Array(target * size), row = new Float64Array(size);
  for (let i = 0; i < target; i++) {
    const centre = (i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(source, Math.trunc(centre + support + 0.5)) - from;
    let total = 0;
    for (let k = 0; k < count; k++) total += row[k] = lanczos3((k + from - centre + 0.5) * (1 / filterScale));
    for (let k = 0; k < count; k++) {
      const w = (total === 0 ? row[k] : row[k] * (1 / total)) * (1 << PRECISION);
      weights[i * size + k] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5);
    }
    starts[i] = from;
    counts[i] = count;
  }
  return { size, starts, counts, weights };
}

function lanczos3(x: number): number {
  return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

function horizontal(data: Uint8Array, width: number, height: number, c: number, kernel: Kernel): Uint8Array {
  const { size, starts, counts, weights } = kernel, target = starts.length;
  const out = new Uint8Array(target * height * c);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < target; x++) {
      const base = (y * width + starts[x]) * c, count = counts[x];
      for (let k = 0; k < c; k++) {
        let sum = 1 << (PRECISION - 1);
        for (let i = 0; i < count; i++) sum += data[base + i * c + k] * weights[x * size + i];
        out[(y * target + x) * c + k] = clampByte(sum >> PRECISION);
      }
    }
  }
  return out;
}

function vertical(data: Uint8Array, width: number, c: number, kernel: Kernel): Uint8Array {
  const { size, starts, counts, weights } = kernel, target = starts.length, row = width * c;
  const out = new Uint8Array(row * target), sums = new Int32Array(row);
  for (let y = 0; y < target; y++) {
    sums.fill(1 << (PRECISION - 1));
    for (let i = 0; i < counts[y]; i++) {
      const base = (starts[y] + i) * row, weight = weights[y * size + i];
      for (let x = 0; x < row; x++) sums[x] += data[base + x] * weight;
    }
    for (let x = 0; x < row; x++) out[y * row + x] = clampByte(sums[x] >> PRECISION);
  }
  return out;
}

function clampByte(x: number): number {
  return x < 0 ? 0 : x > 255 ? 255 : x;
}

/** Pillow, RGBA to RGBa: a * b / 255 rounded, without a division. */
function premultiply(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3];
    for (let k = 0; k < 3; k++) {
      const t = data[i + k] * alpha + 128;
      out[i + k] = ((t >> 8) + t) >> 8;
    }
    out[i + 3] = alpha;
  }
  return out;
}

function unpremultiply(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3];
    if (alpha === 0 || alpha === 255) continue;
    for (let k = 0; k < 3; k++) out[i + k] = Math.min(255, Math.trunc(255 * data[i + k] / alpha));
  }
  return out;
}
