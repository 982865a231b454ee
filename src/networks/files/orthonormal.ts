/**
 * Rows made orthonormal by the Cholesky factor of their products with each other (CholeskyQR2, Yamamoto et al. 2015; where
 * they hardly differ, of the products with a little added to the diagonal first, Fukaya et al. 2020): all that is long is a
 * matrix product, which a device does.
 */

/** Products of k rows of n numbers, row-major. */
export interface RowProducts {
  /** (k, n) -> (k, k): every row times every other. */
  gram(rows: Float32Array, n: number): Promise<Float32Array | Float64Array>;
  /** (k, k) times (k, n). */
  mixed(weights: Float32Array, rows: Float32Array, n: number): Promise<Float32Array>;
}

export interface Orthonormal {
  /** (k, n); zeros where a row was. */
  readonly rows: Float32Array;
  /** Row i was sum over j up to i of triangle[i][j] * rows[j]. */
  readonly triangle: readonly Float64Array[];
}

/** Products of unit rows below this are rounding. */
const ROUNDING = 3e-6;

/** A squared length, of what a unit row adds to those before it, that products of float32 still tell from nothing. */
const TOLD = 1e-3;

/** Added to the squared lengths where it is not told. */
const SHIFT = 1e-5;

const MOST_PASSES = 5;

export async function orthonormal(
  rows: Float32Array,
  n: number,
  { gram, mixed }: RowProducts,
): Promise<Orthonormal> {
  const k = rows.length / n;
  let triangle: Float64Array[] | null = null;
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const products = await gram(rows, n);
    const lengths = Float64Array.from({ length: k }, (_, i) => Math.sqrt(Math.max(0, products[i * k + i])));
    const cosines = lengths.map((a) => a === 0 ? 0 : 1 / a);
    const angles = Array.from(
      { length: k },
      (_, i) => Float64Array.from({ length: k }, (_, j) => products[i * k + j] * cosines[i] * cosines[j]),
    );
    if (triangle && isUnit(angles, lengths)) break;
    const factor = cholesky(angles, 0, TOLD) ?? cholesky(angles, SHIFT, 0)!;
    factor.forEach((row, i) => row.forEach((_, j) => row[j] *= lengths[i]));
    rows = await mixed(flat(inverse(factor)), rows, n);
    triangle = triangle ? times(triangle, factor) : factor;
  }
  return { rows, triangle: triangle! };
}

/** The same products in float64 by the host. */
export function hostGram(rows: Float32Array, n: number): Promise<Float64Array> {
  const k = rows.length / n, products = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let a = i * n, b = j * n, end = a + n; a < end; a++, b++) sum += rows[a] * rows[b];
      products[i * k + j] = products[j * k + i] = sum;
    }
  }
  return Promise.resolve(products);
}

function isUnit(angles: readonly Float64Array[], lengths: Float64Array): boolean {
  return angles.every((row, i) =>
    (lengths[i] === 0 || Math.abs(lengths[i] - 1) < ROUNDING) &&
    row.every((angle, j) => i === j || Math.abs(angle) < ROUNDING)
  );
}

/** Lower L with L L^T = matrix + shift; null where a pivot is below `least`. A row of zeros stays one. */
function cholesky(matrix: readonly Float64Array[], shift: number, least: number): Float64Array[] | null {
  const k = matrix.length, L = matrix.map(() => new Float64Array(k));
  for (let i = 0; i < k; i++) {
    if (matrix[i][i] === 0) continue;
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i][j] + (i === j ? shift : 0);
      for (let m = 0; m < j; m++) sum -= L[i][m] * L[j][m];
      if (i === j && sum < least) return null;
      L[i][j] = i === j ? Math.sqrt(Math.max(sum, 0)) : L[j][j] === 0 ? 0 : sum / L[j][j];
    }
  }
  return L;
}

/** Of a lower triangle; zeros where it has a zero on the diagonal. */
function inverse(L: readonly Float64Array[]): Float64Array[] {
  const k = L.length, X = L.map(() => new Float64Array(k));
  for (let i = 0; i < k; i++) {
    if (L[i][i] === 0) continue;
    const row = X[i];
    for (let m = 0; m < i; m++) {
      const factor = L[i][m];
      if (factor !== 0) { for (let j = 0; j <= m; j++) row[j] -= factor * X[m][j]; }
    }
    row[i] = 1;
    for (let j = 0; j <= i; j++) row[j] /= L[i][i];
  }
  return X;
}

/** Of lower triangles. */
function times(a: readonly Float64Array[], b: readonly Float64Array[]): Float64Array[] {
  return a.map((row, i) => {
    const sum = new Float64Array(row.length);
    for (let m = 0; m <= i; m++) for (let j = 0; j <= m; j++) sum[j] += row[m] * b[m][j];
    return sum;
  });
}

/** Rows one behind the other. */
export function flat(rows: readonly Float64Array[]): Float32Array {
  const all = new Float32Array(rows.length * rows[0].length);
  rows.forEach((row, r) => all.set(row, r * row.length));
  return all;
}
