/** The Mersenne twister MT19937 (Matsumoto and Nishimura, 1998), under PyTorch's, Python's and NumPy's generators alike. */

import { jump } from "./mt19937_jump.ts";

const N = 624, M = 397;

/** Words from which jumping is faster than drawing them. */
const WORTH_A_JUMP = 2 ** 21;

export class Mt19937 {
  readonly #state = new Uint32Array(N);
  /** Words of this block already handed out; N means that the next draw makes a new block. */
  #used = N;

  /** init_genrand: one 32-bit seed, the rest by Knuth's recurrence. */
  static fromWord(seed: number): Mt19937 {
    const mt = new Mt19937();
    mt.#seedWord(seed);
    return mt;
  }

  /** init_by_array: a seed of any number of 32-bit words. */
  static fromWords(key: readonly number[]): Mt19937 {
    const mt = new Mt19937(), s = mt.#state;
    mt.#seedWord(19650218);
    let i = 1, j = 0;
    for (let k = Math.max(N, key.length); k > 0; k--) {
      s[i] = (s[i] ^ Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), 1664525)) + key[j] + j;
      if (++i >= N) s[0] = s[N - 1], i = 1;
      if (++j >= key.length) j = 0;
    }
    for (let k = N - 1; k > 0; k--) {
      s[i] = (s[i] ^ Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), 1566083941)) - i;
      if (++i >= N) s[0] = s[N - 1], i = 1;
    }
    s[0] = 0x80000000;
    return mt;
  }

  /** The next word, an integer in [0, 2^32). */
  next(): number {
    if (this.#used === N) this.#twist();
    let y = this.#state[this.#used++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Passes over the next `count` words. */
  skip(count: number): void {
    const rest = N - this.#used;
    if (count <= rest) {
      this.#used += count;
      return;
    }
    this.#used = N; // where the block is used up it is the window that jump() moves
    let left = count - rest;
    if (left >= WORTH_A_JUMP) {
      jump(this.#state, left);
      return;
    }
    for (; left > 0; left -= N) this.#twist();
    this.#used = N + left;
  }

  /** float64 in [0, 1) of 53 bits from two words, as genrand_res53: Python's and NumPy's random(). */
  double(): number {
    const a = this.next() >>> 5, b = this.next() >>> 6;
    return (a * 67108864 + b) / 9007199254740992;
  }

  /** The 624 words of the state and how many of them are used up. */
  getState(): { words: Uint32Array; used: number } {
    return { words: this.#state.slice(), used: this.#used };
  }

  /** Throws RangeError when that is no state. */
  setState(words: ArrayLike<number>, used: number): void {
    if (words.length !== N || !Number.isInteger(used) || used < 0 || used > N) {
      throw new RangeError(`a state of MT19937 has ${N} words and a position in them`);
    }
    this.#state.set(words);
    this.#used = used;
  }

  #seedWord(seed: number): void {
    const s = this.#state;
    s[0] = seed;
    for (let i = 1; i < N; i++) s[i] = Math.imul(1812433253, s[i - 1] ^ (s[i - 1] >>> 30)) + i;
  }

  #twist(): void {
    const s = this.#state;
    for (let i = 0; i < N; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % N] & 0x7fffffff);
      s[i] = s[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#used = 0;
  }
}
