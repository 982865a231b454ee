/**
 * The best approximation of a matrix by one of a low rank, from products with the matrix alone: subspace iteration with a
 * Rayleigh-Ritz step (Halko, Martinsson and Tropp 2011, algorithm 4.4), until the part that is caught stops growing.
 */

import { TorchGenerator } from "../../random/mod.ts";
import { orthogonalize, type ProductSvd, productSvd, singularValues } from "./svd.ts";

/** A matrix of `out` rows and `width` columns that is only multiplied with. */
export interface Matrix {
  readonly out: number;
  readonly width: number;
  /** (k, width) -> (k, out): each row v becomes A v. */
  times(rows: Float32Array): Promise<Float32Array>;
  /** (k, out) -> (k, width): each row y becomes A^T y. */
  transposedTimes(rows: Float32Array): Promise<Float32Array>;
}

/** Vectors beyond the rank that is asked for: with them a gap in the singular values is found in few rounds. */
const SPARE = 16;

const MOST_ROUNDS = 48;

/** Rounds from one look at the singular values to the next. */
const LOOK = 3;

/** Growth, from one look to the next, of the squared norm that the leading vectors catch. */
const SETTLED = 1e-7;

/** Largest over smallest value above which rounds are halved by a further orthogonalization. */
const STEEP = 200;

/** Rows that lowRank() multiplies with at once. */
export function rowsFor(rank: number, out: number, width: number): number {
  return Math.min(rank + SPARE, out, width);
}

/**
 * The `rank` largest singular values of A with their vectors, falling; fewer where A has fewer rows or columns. The same
 * matrix gives the same numbers. `pause` is awaited between rounds.
 */
export async function lowRank(
  matrix: Matrix,
  rank: number,
  pause: () => Promise<void> = () => Promise.resolve(),
): Promise<ProductSvd> {
  const { out, width } = matrix, rows = rowsFor(rank, out, width), kept = Math.min(rank, rows);
  const random = new TorchGenerator(0);
  let start = vectors(random.randn(rows * width), rows);
  orthogonalize(start);
  for (let round = 1, caught = 0, steep = true;; round++) {
    await pause();
    const left = vectors(await matrix.times(joined(start)), rows), looks = round % LOOK === 0;
    if (steep || looks) orthogonalize(left);
    const flatLeft = joined(left), down = await matrix.transposedTimes(flatLeft);
    start = vectors(down, rows);
    const triangle = orthogonalize(start);
    if (looks) {
      const values = singularValues(triangle).subarray(0, kept);
      const now = values.reduce((sum, v) => sum + v * v, 0);
      if (round >= MOST_ROUNDS || now - caught <= SETTLED * now) {
        // A is about left^T down, left's rows being orthonormal
        return productSvd(transposed(flatLeft, rows), down, rows, kept);
      }
      caught = now;
      // float32 keeps the small directions of A^T A where their values are not too far from the largest
      steep = !(values[0] < STEEP * values[kept - 1]);
    }
  }
}

function vectors(flat: Float32Array, rows: number): Float64Array[] {
  const length = flat.length / rows;
  return Array.from({ length: rows }, (_, r) => {
    return Float64Array.from(flat.subarray(r * length, (r + 1) * length));
  });
}

function joined(rows: readonly Float64Array[]): Float32Array {
  const flat = new Float32Array(rows.length * rows[0].length);
  rows.forEach((row, r) => flat.set(row, r * row.length));
  return flat;
}

/** (rows, n) -> (n, rows). */
function transposed(flat: Float32Array, rows: number): Float32Array {
  const n = flat.length / rows, turned = new Float32Array(flat.length);
  for (let r = 0; r < rows; r++) for (let i = 0; i < n; i++) turned[i * rows + r] = flat[r * n + i];
  return turned;
}
