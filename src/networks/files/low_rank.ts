/**
 * The best approximation of a matrix by one of a low rank, from products with the matrix alone: subspace iteration with a
 * Rayleigh-Ritz step (Halko, Martinsson and Tropp 2011, algorithm 4.4), until the part that is caught stops growing.
 */

import { TorchGenerator } from "../../random/mod.ts";
import { flat, hostGram, orthonormal, type RowProducts } from "./orthonormal.ts";
import { type ProductSvd, singularValues, smallSvd } from "./svd.ts";

/** A matrix of `out` rows and `width` columns that is only multiplied with. */
export interface Matrix extends RowProducts {
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
  const { out, width } = matrix, k = rowsFor(rank, out, width), kept = Math.min(rank, k);
  const exactly = { ...matrix, gram: hostGram };
  let { rows: start } = await orthonormal(new TorchGenerator(0).randn(k * width), width, matrix);
  for (let round = 1, caught = 0, steep = true;; round++) {
    await pause();
    const looks = round % LOOK === 0;
    let left = await matrix.times(start);
    if (steep || looks) left = (await orthonormal(left, out, matrix)).rows;
    const down = await matrix.transposedTimes(left);
    const { rows, triangle } = await orthonormal(down, width, looks ? exactly : matrix);
    start = rows;
    if (!looks) continue;
    const values = singularValues(triangle).subarray(0, kept);
    const now = values.reduce((sum, v) => sum + v * v, 0);
    // A is about left^T down, left's rows being orthonormal
    if (round >= MOST_ROUNDS || now - caught <= SETTLED * now) {
      return await ritz(matrix, { left, right: start, triangle }, kept);
    }
    caught = now;
    // float32 keeps the small directions of A^T A where their values are not too far from the largest
    steep = !(values[0] < STEEP * values[kept - 1]);
  }
}

/** Singular values and vectors of left^T triangle right, whose rows are orthonormal. */
async function ritz(
  { out, width, mixed }: Matrix,
  { left, right, triangle }: {
    readonly left: Float32Array;
    readonly right: Float32Array;
    readonly triangle: readonly Float64Array[];
  },
  kept: number,
): Promise<ProductSvd> {
  const columns = triangle.map((_, j) => Float64Array.from(triangle, (row) => row[j]));
  const { values, left: u, right: v } = smallSvd(columns);
  const vectors = async (weights: readonly Float64Array[], rows: Float32Array, n: number) => {
    const all = await mixed(flat(weights), rows, n);
    return Array.from({ length: kept }, (_, i) => Float64Array.from(all.subarray(i * n, (i + 1) * n)));
  };
  return {
    values: values.slice(0, kept),
    left: await vectors(u, left, out),
    right: await vectors(v, right, width),
  };
}
