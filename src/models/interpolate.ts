/** PyTorch's interpolate() with align_corners false, as matrices: each side's new values are weighted sums of the old. */

import { cast, matmul, permute, reshape, type Tensor } from "../graph/mod.ts";

/**
 * (to, from) weights of bicubic interpolation (a = -0.75, edges repeated). `scale` is old by new; it differs from the
 * sides' where a scale factor was given and the size rounded down.
 */
export function bicubicWeights(from: number, to: number, scale = from / to): Float32Array {
  const weights = new Float32Array(to * from), a = -0.75;
  const near = (x: number) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  for (let i = 0; i < to; i++) {
    const at = (i + 0.5) * scale - 0.5, low = Math.floor(at), t = at - low;
    [far(t + 1), near(t), near(1 - t), far(2 - t)].forEach((weight, k) => {
      weights[i * from + Math.min(from - 1, Math.max(0, low - 1 + k))] += weight;
    });
  }
  return weights;
}

/** (to, from) weights of linear interpolation. */
export function linearWeights(from: number, to: number): Float32Array {
  const weights = new Float32Array(to * from), scale = from / to;
  for (let i = 0; i < to; i++) {
    const at = Math.max(0, (i + 0.5) * scale - 0.5), low = Math.floor(at), t = at - low;
    weights[i * from + low] += 1 - t;
    weights[i * from + Math.min(low + 1, from - 1)] += t;
  }
  return weights;
}

/** x (N, H, W, C) with H and W made anew by `rows` (H', H) and `columns` (W', W), in float32; in x's dtype. */
export function interpolated(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  const [n, height, width, c] = x.shape, [newHeight] = rows.shape, [newWidth] = columns.shape;
  let h = permute(cast(x, "f32"), [1, 0, 2, 3]);
  h = reshape(matmul(rows, reshape(h, [height, n * width * c])), [newHeight, n, width, c]);
  h = permute(h, [2, 0, 1, 3]);
  h = reshape(matmul(columns, reshape(h, [width, newHeight * n * c])), [newWidth, newHeight, n, c]);
  return cast(permute(h, [2, 1, 0, 3]), x.dtype);
}

/** The same for values (N, H, W, C) at hand. */
export function interpolatedValues(
  values: Float32Array,
  [n, height, width, c]: readonly [number, number, number, number],
  rows: Float32Array,
  columns: Float32Array,
): Float32Array {
  const newHeight = rows.length / height, newWidth = columns.length / width;
  const half = new Float32Array(n * newHeight * width * c), row = width * c;
  for (let i = 0; i < n; i++) {
    for (let y = 0; y < newHeight; y++) {
      for (let k = 0; k < row; k++) {
        let sum = 0;
        for (let s = 0; s < height; s++) sum += rows[y * height + s] * values[(i * height + s) * row + k];
        half[(i * newHeight + y) * row + k] = sum;
      }
    }
  }
  const out = new Float32Array(n * newHeight * newWidth * c);
  for (let line = 0; line < n * newHeight; line++) {
    for (let x = 0; x < newWidth; x++) {
      for (let k = 0; k < c; k++) {
        let sum = 0;
        for (let s = 0; s < width; s++) sum += columns[x * width + s] * half[(line * width + s) * c + k];
        out[(line * newWidth + x) * c + k] = sum;
      }
    }
  }
  return out;
}
