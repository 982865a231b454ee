/**
 * A picture through a network in overlapping tiles: memory is that of one tile, whatever the picture's size. Where tiles
 * overlap their results go over into each other evenly.
 */

import type { LatentShape } from "../../../models/mod.ts";

export interface Tiling {
  /** Pixels of a tile's sides, the overlap included. */
  readonly height: number;
  readonly width: number;
  /** Pixels that neighbours share. */
  readonly overlap: number;
}

/** A tile's place along one side. */
interface Span {
  readonly from: number;
  /** For each of its pixels, how much it counts. */
  readonly weights: Float32Array;
}

/** Tiles of equal size, evenly placed; one where the side is no longer than a tile. */
export function spans(side: number, tile: number, overlap: number, scale: number): Span[] {
  const size = Math.min(side, tile);
  const count = side <= tile ? 1 : Math.ceil((side - overlap) / (tile - overlap));
  const from = Array.from(
    { length: count },
    (_, i) => count === 1 ? 0 : Math.round(i * (side - size) / (count - 1)),
  );
  return from.map((start, i) => {
    const shared = (neighbour: number | undefined) =>
      neighbour === undefined ? 0 : (size - Math.abs(neighbour - start)) * scale;
    const before = shared(from[i - 1]), after = shared(from[i + 1]), length = size * scale;
    const ramp = (k: number, over: number) => over === 0 ? 1 : Math.min(1, (k + 0.5) / over);
    return {
      from: start,
      weights: Float32Array.from({ length }, (_, k) => ramp(k, before) * ramp(length - 1 - k, after)),
    };
  });
}

/** The part of values (N, H, W, C) that begins at (y, x). */
export function cut(
  values: Float32Array,
  [n, height, width, c]: readonly [number, number, number, number],
  { y, x, rows, columns }: { y: number; x: number; rows: number; columns: number },
): Float32Array {
  const out = new Float32Array(n * rows * columns * c);
  for (let i = 0, at = 0; i < n; i++) {
    for (let row = 0; row < rows; row++, at += columns * c) {
      const start = ((i * height + y + row) * width + x) * c;
      out.set(values.subarray(start, start + columns * c), at);
    }
  }
  return out;
}

/**
 * Runs every tile of a batch and puts the results together. `scale` is result pixels by pixels, `channels`
 * the result's; `run` is told where a tile begins.
 */
export async function tiled(
  whole: LatentShape,
  tiling: Tiling,
  { scale, channels }: { scale: number; channels: number },
  run: (place: { y: number; x: number; shape: LatentShape }) => Promise<Float32Array>,
): Promise<Float32Array> {
  const { batch, height, width } = whole;
  const rows = spans(height, tiling.height, tiling.overlap, scale);
  const columns = spans(width, tiling.width, tiling.overlap, scale);
  const H = height * scale, W = width * scale;
  const sum = new Float32Array(batch * H * W * channels), total = new Float32Array(H * W);
  for (const row of rows) {
    for (const column of columns) {
      const h = row.weights.length, w = column.weights.length;
      const shape = { ...whole, height: h / scale, width: w / scale };
      const part = await run({ y: row.from, x: column.from, shape });
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          const weight = row.weights[y] * column.weights[x];
          const pixel = (row.from * scale + y) * W + column.from * scale + x;
          total[pixel] += weight;
          for (let i = 0; i < batch; i++) {
            const to = (i * H * W + pixel) * channels, from = ((i * h + y) * w + x) * channels;
            for (let k = 0; k < channels; k++) sum[to + k] += weight * part[from + k];
          }
        }
      }
    }
  }
  return sum.map((value, i) => value / total[Math.floor(i / channels) % (H * W)]);
}
