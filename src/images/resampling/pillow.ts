/** Pillow's resampling filters, to the byte. */

import type { Pixels } from "../pixels.ts";

const PRECISION = 22; // fraction bits of Pillow's 8-bit weights

interface Kernel {
  readonly size: number;
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Int32Array; // (target, size)
}

/** How far a filter reaches to either side, in pixels, and its weight there. */
interface Filter {
  readonly support: number;
  weight(x: number): number;
}

const FILTERS = {
  box: { support: 0.5, weight: (x) => x > -0.5 && x <= 0.5 ? 1 : 0 },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, weight: (x) => x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0 },
} as const satisfies Record<string, Filter>;

export type PillowFilter = keyof typeof FILTERS;

/** Pillow's Image.resize(): horizontal, then vertical, fixed point; RGBA through premultiplied alpha. */
export function resizePillow(image: Pixels, width: number, height: number, name: PillowFilter): Pixels {
  if (image.width === width && image.height === height) return image;
  const filter = FILTERS[name];
  let { data } = image;
  const c = image.channels;
  if (c === 4) data = premultiply(data);
  if (width !== image.width) {
    data = horizontal(data, image.width, image.height, c, kernel(filter, image.width, width));
  }
  if (height !== image.height) data = vertical(data, width, c, kernel(filter, image.height, height));
  if (c === 4) data = unpremultiply(data);
  return { width, height, channels: c, data };
}

function kernel(filter: Filter, source: number, target: number): Kernel {
  const scale = source / target, filterScale = Math.max(scale, 1), support = filter.support * filterScale;
  const size = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(target), counts = new Int32Array(target);
  const weights = new Int32Array(target * size), row = new Float64Array(size);
  for (let i = 0; i < target; i++) {
    const centre = (i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(source, Math.trunc(centre + support + 0.5)) - from;
    let total = 0;
    for (let k = 0; k < count; k++) {
      total += row[k] = filter.weight((k + from - centre + 0.5) * (1 / filterScale));
    }
    for (let k = 0; k < count; k++) {
      const w = (total === 0 ? row[k] : row[k] * (1 / total)) * (1 << PRECISION);
      weights[i * size + k] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5);
    }
    starts[i] = from;
    counts[i] = count;
  }
  return { size, starts, counts, weights };
}

/** Keys' cubic with a = -0.5. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

function horizontal(
  data: Uint8Array,
  width: number,
  height: number,
  c: number,
  { size, starts, counts, weights }: Kernel,
): Uint8Array {
  const target = starts.length;
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

function vertical(
  data: Uint8Array,
  width: number,
  c: number,
  { size, starts, counts, weights }: Kernel,
): Uint8Array {
  const target = starts.length, row = width * c;
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
