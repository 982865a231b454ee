/**
 * MT19937 moved on by any number of words at once (Haramoto et al., "Efficient Jump Ahead for F2-Linear Random Number
 * Generators", 2008): one word is a linear map A over GF(2), so n words are the polynomial x^n mod (A's characteristic
 * polynomial) taken of A. A billion words take 10 ms.
 */

const N = 624, M = 397, DEGREE = 19937, TWIST = 0x9908b0df;

/** `window`, the 624 words that the next ones are made of, becomes the one that follows `count` words later. */
export function jump(window: Uint32Array, count: number): void {
  const polynomial = powerOfX(count), start = window.slice(), moved = new Uint32Array(N);
  let at = 0; // where the window starts in `moved`, which goes round
  for (let i = DEGREE - 1; i >= 0; i--) { // Horner's rule
    const next = (at + 1) % N;
    const y = (moved[at] & 0x80000000) | (moved[next] & 0x7fffffff);
    moved[at] = moved[(at + M) % N] ^ (y >>> 1) ^ (y & 1 ? TWIST : 0);
    at = next;
    if ((polynomial[i >>> 5] >>> (i & 31)) & 1) {
      for (let k = 0; k < N - at; k++) moved[at + k] ^= start[k];
      for (let k = N - at; k < N; k++) moved[at + k - N] ^= start[k];
    }
  }
  for (let k = 0; k < N; k++) window[k] = moved[(at + k) % N];
}

/** x^n mod the characteristic polynomial; bit i of word j is the coefficient of x^(32 j + i). */
function powerOfX(n: number): Uint32Array {
  let power: Uint32Array = new Uint32Array(N);
  power[0] = 1;
  for (const bit of n.toString(2)) {
    power = reduced(square(power));
    if (bit === "1") power = reduced(timesX(power));
  }
  return power;
}

/** Squaring over GF(2) puts a zero between the coefficients. */
function square(a: Uint32Array): Uint32Array {
  const out = new Uint32Array(2 * N);
  a.forEach((word, i) => {
    out[2 * i] = spread(word & 0xffff);
    out[2 * i + 1] = spread(word >>> 16);
  });
  return out;
}

function spread(x: number): number {
  x = (x | (x << 8)) & 0x00ff00ff;
  x = (x | (x << 4)) & 0x0f0f0f0f;
  x = (x | (x << 2)) & 0x33333333;
  return (x | (x << 1)) & 0x55555555;
}

function timesX(a: Uint32Array): Uint32Array {
  const out = new Uint32Array(2 * N);
  for (let i = 0; i <= N; i++) out[i] = ((a[i] ?? 0) << 1) | (i > 0 ? a[i - 1] >>> 31 : 0);
  return out;
}

/** Replaces x^19937 and above, a word at a time from the top: the next lower term is 227 bits down. */
function reduced(a: Uint32Array): Uint32Array {
  const last = DEGREE >>> 5;
  for (let i = 2 * N - 1; i > last; i--) fold(a, a[i], 32 * i - DEGREE);
  const top = a[last] >>> (DEGREE & 31);
  a[last] &= 2 ** (DEGREE & 31) - 1;
  fold(a, top, 0);
  return a.slice(0, N);
}

/** Adds word * x^offset * (characteristic polynomial - x^19937). */
function fold(a: Uint32Array, word: number, offset: number): void {
  if (word === 0) return;
  for (const exponent of LOWER_TERMS) {
    const at = offset + exponent, shift = at & 31;
    a[at >>> 5] ^= word << shift;
    if (shift > 0) a[(at >>> 5) + 1] ^= word >>> (32 - shift);
  }
}

/**
 * Exponents of the characteristic polynomial without its highest: s q^31 + sum over i < 31 of a_i s q^(30 - i) + a_31,
 * where s = x^N + x^M, q = x^(N - 1) + x^(M - 1) and a_i are the bits of TWIST (Matsumoto and Nishimura, 1998, A.1).
 */
const LOWER_TERMS: readonly number[] = (() => {
  const terms = new Set<number>();
  const flip = (exponent: number) => terms.delete(exponent) || terms.add(exponent);
  /** s q^k: its binomial coefficients are odd where j's bits are among k's. */
  const addProduct = (k: number) => {
    for (let j = 0; j <= k; j++) {
      if ((j & k) !== j) continue;
      const exponent = (N - 1) * j + (M - 1) * (k - j);
      flip(exponent + N);
      flip(exponent + M);
    }
  };
  addProduct(31);
  for (let i = 0; i < 31; i++) if ((TWIST >>> i) & 1) addProduct(30 - i);
  if (TWIST >>> 31) flip(0);
  terms.delete(DEGREE);
  return [...terms];
})();
