/** R of PEFT's OFT from what its files hold: the upper triangles of skew-symmetric matrices (OFTRotationModule). */

import type { Shape } from "../../../graph/mod.ts";

/** What adapter_config.json says of R. */
export interface PeftRotation {
  /** Terms of the series for (I + Q)(I - Q)^-1; null is (I - Q)(I + Q)^-1 itself, which turns the other way. */
  readonly terms: number | null;
  /** Before 0.18 the last term counted twice as the others do. */
  readonly lastTwice: boolean;
  /** A block's norm is at most this over the square root of the blocks; null is no limit. */
  readonly limit: number | null;
}

/** Reads it; the defaults are OFTConfig's. */
export function rotationOf(config: Readonly<Record<string, unknown>>): PeftRotation {
  const number = (key: string, rest: number) => typeof config[key] === "number" ? config[key] : rest;
  return {
    terms: config.use_cayley_neumann === false ? null : number("num_cayley_neumann_terms", 5),
    lastTwice: !("peft_version" in config), // which 0.18 began to write
    limit: config.coft === true ? number("eps", 6e-5) : null,
  };
}

/** n whose triangle above the diagonal has that many numbers; no whole number where there is none. */
export function blockSize(numbers: number): number {
  return (1 + Math.sqrt(1 + 8 * numbers)) / 2;
}

/** R - I of every block, (blocks, n, n), from (blocks or 1, n (n - 1) / 2). */
export function peftRotations(
  triangles: Float32Array,
  [blocks, n]: Shape,
  { terms, lastTwice, limit }: PeftRotation,
): Float32Array {
  const numbers = n * (n - 1) / 2,
    stored = triangles.length / numbers,
    all = new Float32Array(blocks * n * n);
  for (let block = 0; block < stored; block++) {
    const triangle = triangles.subarray(block * numbers, (block + 1) * numbers);
    const most = limit === null ? Infinity : limit / Math.sqrt(stored);
    const q = skew(triangle, n, most);
    const r = terms === null ? quotient(q, n) : series(q, n, terms, lastTwice);
    for (let at = block; at < blocks; at += stored) all.set(r, at * n * n); // one for all where it is shared
  }
  return all;
}

/** Q with its norm at most `most`. */
function skew(triangle: Float32Array, n: number, most: number): Float64Array {
  const norm = Math.sqrt(2 * triangle.reduce((sum, v) => sum + v * v, 0)),
    factor = norm > most ? most / norm : 1;
  const q = new Float64Array(n * n);
  for (let row = 0, at = 0; row < n; row++) {
    for (let column = row + 1; column < n; column++, at++) {
      q[row * n + column] = factor * triangle[at];
      q[column * n + row] = -q[row * n + column];
    }
  }
  return q;
}

/** 2 (Q + Q^2 + ...) without I, cut off as PEFT does. */
function series(q: Float64Array, n: number, terms: number, lastTwice: boolean): Float64Array {
  const sum = new Float64Array(n * n);
  const join = (power: Float64Array, factor: number) => power.forEach((v, i) => sum[i] += factor * v);
  if (terms <= 1) return sum;
  join(q, 2);
  if (terms === 2) return sum;
  let power = product(q, q, n);
  join(power, 2);
  const doubled = lastTwice ? terms : terms - 1;
  for (let at = 3; at < doubled; at++) join(power = product(power, q, n), 2);
  if (!lastTwice) join(product(power, q, n), 1);
  return sum;
}

/** (I - Q)(I + Q)^-1 - I = -2 Q (I + Q)^-1, by elimination in (I + Q)^T = I - Q, which needs no pivots. */
function quotient(q: Float64Array, n: number): Float64Array {
  const left = q.map((v, i) => (i % (n + 1) === 0 ? 1 : 0) - v); // (I + Q)^T
  const right = q.map((v) => 2 * v); // (-2 Q)^T
  for (let c = 0; c < n; c++) {
    const pivot = left[c * n + c];
    for (let k = 0; k < n; k++) {
      left[c * n + k] /= pivot;
      right[c * n + k] /= pivot;
    }
    for (let row = 0; row < n; row++) {
      const factor = left[row * n + c];
      if (row === c || factor === 0) continue;
      for (let k = 0; k < n; k++) {
        left[row * n + k] -= factor * left[c * n + k];
        right[row * n + k] -= factor * right[c * n + k];
      }
    }
  }
  return right.map((_, i) => right[i % n * n + Math.floor(i / n)]);
}

function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      for (let j = 0; j < n; j++) c[i * n + j] += a[i * n + k] * b[k * n + j];
    }
  }
  return c;
}
