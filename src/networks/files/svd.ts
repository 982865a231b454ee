/**
 * Singular values of a product of two thin matrices, without the product: QR of each, then Jacobi on the rank x rank
 * core.
 */

/** product = sum over k of values[k] * left[k] (outer) right[k]; values fall. */
export interface ProductSvd {
  readonly values: Float64Array;
  /** Unit vectors of length `out`; zeros where the value is 0. */
  readonly left: readonly Float64Array[];
  /** Unit vectors of length `width`. */
  readonly right: readonly Float64Array[];
}

/** `up` (out, rank) times `down` (rank, width), row-major; everything in float64. The largest `most` values alone. */
export function productSvd(
  up: Float32Array,
  down: Float32Array,
  rank: number,
  most: number = rank,
): ProductSvd {
  const out = up.length / rank, width = down.length / rank;
  const columns = Array.from({ length: rank }, (_, r) => {
    return Float64Array.from({ length: out }, (_, o) => up[o * rank + r]);
  });
  const rows = Array.from({ length: rank }, (_, r) => {
    return Float64Array.from(down.subarray(r * width, (r + 1) * width));
  });
  const upR = orthogonalize(columns), downR = orthogonalize(rows);
  // up = Q R and down^T = P S, so the product is Q (R S^T) P^T
  const core = Array.from({ length: rank }, (_, j) => {
    return Float64Array.from({ length: rank }, (_, i) => dot(upR[i], downR[j]));
  });
  const small = smallSvd(core), n = Math.min(most, rank, out, width);
  return {
    values: small.values.slice(0, n),
    left: small.left.slice(0, n).map((weights) => combine(columns, weights)),
    right: small.right.slice(0, n).map((weights) => combine(rows, weights)),
  };
}

/** Of a small square matrix by its columns, falling; left vectors are zeros where the value is 0. The columns are spent. */
export function smallSvd(columns: readonly Float64Array[]): ProductSvd {
  const turns = jacobi(columns), lengths = columns.map((column) => Math.sqrt(dot(column, column)));
  const order = lengths.map((_, k) => k).sort((a, b) => lengths[b] - lengths[a]);
  return {
    values: Float64Array.from(order, (k) => lengths[k]),
    left: order.map((k) => columns[k].map((v) => lengths[k] > 0 ? v / lengths[k] : 0)),
    right: order.map((k) => turns[k]),
  };
}

/** Falling, of a small square matrix by rows. */
export function singularValues(rows: readonly Float64Array[]): Float64Array {
  const turned = rows.map((row) => row.slice());
  jacobi(turned);
  return Float64Array.from(turned, (row) => Math.sqrt(dot(row, row))).sort((a, b) => b - a);
}

/**
 * Makes vectors orthonormal in place (Gram-Schmidt, twice over, which keeps the digits) and gives R by rows: vector j was
 * sum over i of R[i][j] * result i. A vector that depends on those before it becomes zero.
 */
function orthogonalize(vectors: readonly Float64Array[]): Float64Array[] {
  const R = vectors.map(() => new Float64Array(vectors.length));
  vectors.forEach((v, j) => {
    const before = Math.sqrt(dot(v, v));
    for (let pass = 0; pass < 2; pass++) {
      for (let i = 0; i < j; i++) {
        const along = dot(vectors[i], v);
        R[i][j] += along;
        addTimes(v, vectors[i], -along);
      }
    }
    const length = Math.sqrt(dot(v, v));
    if (length > before * 1e-14) {
      R[j][j] = length;
      for (let i = 0; i < v.length; i++) v[i] /= length;
    } else v.fill(0);
  });
  return R;
}

/** One-sided Jacobi: turns the columns of a square matrix, in place, until they are orthogonal; gives the turns' columns. */
function jacobi(columns: readonly Float64Array[]): Float64Array[] {
  const n = columns.length;
  const turns = columns.map((_, k) => new Float64Array(n).fill(1, k, k + 1));
  for (let sweep = 0, turned = true; turned && sweep < 60; sweep++) {
    turned = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const a = dot(columns[p], columns[p]), b = dot(columns[q], columns[q]);
        const c = dot(columns[p], columns[q]);
        if (Math.abs(c) <= 1e-15 * Math.sqrt(a * b)) continue;
        turned = true;
        const zeta = (b - a) / (2 * c);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const cosine = 1 / Math.sqrt(1 + t * t), sine = cosine * t;
        turn(columns[p], columns[q], cosine, sine);
        turn(turns[p], turns[q], cosine, sine);
      }
    }
  }
  return turns;
}

function turn(p: Float64Array, q: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < p.length; i++) {
    const x = p[i], y = q[i];
    p[i] = cosine * x - sine * y;
    q[i] = sine * x + cosine * y;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function addTimes(to: Float64Array, from: Float64Array, factor: number): void {
  if (factor === 0) return;
  for (let i = 0; i < to.length; i++) to[i] += factor * from[i];
}

function combine(vectors: readonly Float64Array[], weights: Float64Array): Float64Array {
  const sum = new Float64Array(vectors[0].length);
  vectors.forEach((v, i) => addTimes(sum, v, weights[i]));
  return sum;
}
