/** NumPy's legacy RandomState, as far as tools of this ecosystem draw from it. */

import { Mt19937 } from "./mt19937.ts";

export class NumpyRandom {
  readonly #mt: Mt19937;
  #spareNormal: number | null = null;

  /** RandomState(seed). Throws RangeError outside [0, 2^32). */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
      throw new RangeError(`a NumPy seed is an integer in [0, 2^32), not ${seed}`);
    }
    this.#mt = Mt19937.fromWord(seed);
  }

  /** random_sample(n): float64 in [0, 1). */
  randomSample(n: number): Float64Array<ArrayBuffer> {
    return Float64Array.from({ length: n }, () => this.#mt.double());
  }

  /** normal(mean, std, n): Marsaglia's polar method. */
  normal(mean: number, std: number, n: number): Float64Array<ArrayBuffer> {
    return Float64Array.from({ length: n }, () => mean + std * this.#normal());
  }

  /** randint(low, high, n): integers in [low, high). Throws RangeError beyond what a JavaScript number counts. */
  randint(low: number, high: number, n: number): number[] {
    const last = high - 1 - low;
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || !(last >= 0) || last >= 2 ** 53) {
      throw new RangeError(`randint takes integers low < high, not ${low} and ${high}`);
    }
    if (last === 0) return Array.from({ length: n }, () => low);
    return Array.from({ length: n }, () => low + (last < 2 ** 32 ? this.#upTo(last) : this.#upToWide(last)));
  }

  /** permutation(n). */
  permutation(n: number): number[] {
    const out = Array.from({ length: n }, (_, i) => i);
    this.shuffle(out);
    return out;
  }

  /** Shuffles in place. */
  shuffle<T>(list: T[]): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.#upTo(i);
      const swapped = list[i];
      list[i] = list[j];
      list[j] = swapped;
    }
  }

  #normal(): number {
    if (this.#spareNormal !== null) {
      const spare = this.#spareNormal;
      this.#spareNormal = null;
      return spare;
    }
    let x1: number, x2: number, r2: number;
    do {
      x1 = 2 * this.#mt.double() - 1;
      x2 = 2 * this.#mt.double() - 1;
      r2 = x1 * x1 + x2 * x2;
    } while (r2 >= 1 || r2 === 0);
    const f = Math.sqrt(-2 * Math.log(r2) / r2);
    this.#spareNormal = f * x1;
    return f * x2;
  }

  /** An integer in [0, last], last in [1, 2^32): masked, and drawn again until it fits. */
  #upTo(last: number): number {
    const mask = 0xffffffff >>> Math.clz32(last);
    let value = (this.#mt.next() & mask) >>> 0;
    while (value > last) value = (this.#mt.next() & mask) >>> 0;
    return value;
  }

  #upToWide(last: number): number {
    const limit = BigInt(last), mask = (1n << BigInt(limit.toString(2).length)) - 1n;
    for (;;) {
      const high = this.#mt.next(), low = this.#mt.next();
      const value = ((BigInt(high) << 32n) | BigInt(low)) & mask;
      if (value <= limit) return Number(value);
    }
  }
}
