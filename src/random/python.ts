/** Python's random.Random: the same values for the same integer seed, in the same order. */

import { Mt19937 } from "./mt19937.ts";

/** random.getstate() as plain data: JSON keeps it exactly. */
export interface PythonRandomState {
  /** 624 words and how many of them are used up. */
  readonly words: number[];
  readonly gaussNext: number | null;
}

export class PythonRandom {
  #mt!: Mt19937;
  #gaussNext: number | null = null;

  /** Any integer; its sign is ignored, as Python does. */
  constructor(seed: number | bigint) {
    this.seed(seed);
  }

  /** Starts over: random.seed(seed). Throws RangeError when it is no integer. */
  seed(seed: number | bigint): void {
    let rest = BigInt(seed);
    if (rest < 0n) rest = -rest;
    const key: number[] = [];
    for (; rest > 0n; rest >>= 32n) key.push(Number(rest & 0xffffffffn));
    this.#mt = Mt19937.fromWords(key.length > 0 ? key : [0]);
    this.#gaussNext = null;
  }

  /** float64 in [0, 1). */
  random(): number {
    return this.#mt.double();
  }

  /** An integer in [a, b], both ends included. Throws RangeError when empty or too wide to count exactly. */
  randint(a: number, b: number): number {
    return this.randrange(a, b + 1);
  }

  /** randrange(stop) or randrange(start, stop[, step]). Throws RangeError when empty. */
  randrange(start: number, stop?: number, step = 1): number {
    if (stop === undefined) [start, stop] = [0, start];
    const count = Math.ceil((stop - start) / step);
    if (![start, stop, step, count].every(Number.isSafeInteger) || count <= 0) {
      throw new RangeError(`randrange takes integers with something between, not ${start}, ${stop}, ${step}`);
    }
    return start + step * this.#below(count);
  }

  /** An integer of k random bits. Throws RangeError for k < 0. */
  getrandbits(k: number): bigint {
    if (!Number.isInteger(k) || k < 0) throw new RangeError(`getrandbits takes a number of bits, not ${k}`);
    let out = 0n;
    for (let at = 0; at < k; at += 32) {
      const word = this.#mt.next();
      out |= BigInt(k - at < 32 ? word >>> (32 - (k - at)) : word) << BigInt(at);
    }
    return out;
  }

  /** Shuffles in place. */
  shuffle<T>(list: T[]): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.#below(i + 1);
      const swapped = list[i];
      list[i] = list[j];
      list[j] = swapped;
    }
  }

  /** One of a list. Throws RangeError when it is empty. */
  choice<T>(list: ArrayLike<T>): T {
    if (list.length === 0) throw new RangeError("cannot choose from an empty list");
    return list[this.#below(list.length)];
  }

  /** k of a list with replacement, by relative weights where given. Throws RangeError when they do not fit. */
  choices<T>(list: ArrayLike<T>, k: number, weights?: readonly number[]): T[] {
    if (list.length === 0) throw new RangeError("cannot choose from an empty list");
    if (!weights) return Array.from({ length: k }, () => list[Math.floor(this.random() * list.length)]);
    if (weights.length !== list.length) throw new RangeError("choices takes one weight for each element");
    let total = 0;
    const upTo = weights.map((weight) => total += weight);
    if (!(total > 0) || !Number.isFinite(total)) {
      throw new RangeError("the weights must add up to more than 0");
    }
    return Array.from({ length: k }, () => {
      const at = this.random() * total;
      const found = upTo.findIndex((limit) => at < limit);
      return list[found === -1 ? list.length - 1 : found];
    });
  }

  /** k different elements of a list, in the order drawn. Throws RangeError when it has fewer. */
  sample<T>(list: ArrayLike<T>, k: number): T[] {
    const n = list.length;
    if (!Number.isInteger(k) || k < 0 || k > n) throw new RangeError(`cannot draw ${k} of ${n}`);
    // Python takes whichever of two ways needs less memory; they draw alike but pick differently
    const setSize = 21 + (k > 5 ? 4 ** Math.ceil(Math.log(k * 3) / Math.log(4)) : 0);
    if (n <= setSize) {
      const pool = Array.from(list);
      return Array.from({ length: k }, (_, i) => {
        const j = this.#below(n - i), picked = pool[j];
        pool[j] = pool[n - i - 1];
        return picked;
      });
    }
    const taken = new Set<number>();
    return Array.from({ length: k }, () => {
      let j = this.#below(n);
      while (taken.has(j)) j = this.#below(n);
      taken.add(j);
      return list[j];
    });
  }

  /** float64 in [a, b]. */
  uniform(a: number, b: number): number {
    return a + (b - a) * this.random();
  }

  /** A normal variable; every second one comes free with the one before. */
  gauss(mu: number, sigma: number): number {
    let z = this.#gaussNext;
    this.#gaussNext = null;
    if (z === null) {
      const angle = this.random() * 2 * Math.PI;
      const radius = Math.sqrt(-2 * Math.log(1 - this.random()));
      z = Math.cos(angle) * radius;
      this.#gaussNext = Math.sin(angle) * radius;
    }
    return mu + z * sigma;
  }

  getState(): PythonRandomState {
    const { words, used } = this.#mt.getState();
    return { words: [...words, used], gaussNext: this.#gaussNext };
  }

  /** Throws RangeError when that is no state. */
  setState({ words, gaussNext }: PythonRandomState): void {
    this.#mt.setState(words.slice(0, -1), words[words.length - 1]);
    this.#gaussNext = gaussNext;
  }

  /** An integer in [0, n): the smallest power of two that holds it, drawn again until it fits. */
  #below(n: number): number {
    if (n >= 2 ** 32) {
      const limit = BigInt(n), bits = limit.toString(2).length;
      let wide = this.getrandbits(bits);
      while (wide >= limit) wide = this.getrandbits(bits);
      return Number(wide);
    }
    const shift = Math.clz32(n);
    let r = this.#mt.next() >>> shift;
    while (r >= n) r = this.#mt.next() >>> shift;
    return r;
  }
}
