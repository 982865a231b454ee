/**
 * PyTorch's CPU generator: the same values for the same seed, and the same number of draws consumed by each call.
 * Integers, uniforms and permutations agree exactly, normals to float32 rounding of log, sin and cos.
 */

import { Mt19937 } from "./mt19937.ts";

const TWO_PI = 2 * Math.PI, TWO_PI_F32 = Math.fround(TWO_PI);

/** Bytes of torch.Generator.get_state(). */
const STATE_BYTES = 5056;

export class TorchGenerator {
  #mt: Mt19937;
  #seed: bigint;
  /** The second normal of a pair; only the path for fewer than 16 values uses it. */
  #spareNormal: number | null = null;

  /** Only the low 32 bits of the seed matter, as in PyTorch. */
  constructor(seed: number | bigint) {
    this.#seed = BigInt.asUintN(64, BigInt(seed));
    this.#mt = Mt19937.fromWord(Number(this.#seed & 0xffffffffn));
  }

  /** Starts over: torch.manual_seed(). */
  manualSeed(seed: number | bigint): void {
    this.#seed = BigInt.asUintN(64, BigInt(seed));
    this.#mt = Mt19937.fromWord(Number(this.#seed & 0xffffffffn));
    this.#spareNormal = null;
  }

  /** Passes over 32-bit words, as values that nobody wants would. */
  skip(words: number): void {
    this.#mt.skip(words);
  }

  get initialSeed(): bigint {
    return this.#seed;
  }

  /** rand(n), float32 in [0, 1). */
  rand(n: number): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length: n }, () => this.#u24());
  }

  /** rand(n, dtype=float64) in [0, 1). */
  rand64(n: number): Float64Array<ArrayBuffer> {
    return Float64Array.from({ length: n }, () => this.#u53());
  }

  /** empty(n).uniform_(low, high), float32. */
  uniform(low: number, high: number, n: number): Float32Array<ArrayBuffer> {
    const from = Math.fround(low), width = Math.fround(Math.fround(high) - from);
    return Float32Array.from({ length: n }, () => this.#u24() * width + from);
  }

  /** randn(n), float32. `contiguous: false` gives what a strided tensor gets, in the order of its memory. */
  randn(n: number, options: { contiguous?: boolean } = {}): Float32Array<ArrayBuffer> {
    return this.normal(0, 1, n, options);
  }

  /** empty(n).normal_(mean, std), float32. */
  normal(
    mean: number,
    std: number,
    n: number,
    { contiguous = true }: { contiguous?: boolean } = {},
  ): Float32Array<ArrayBuffer> {
    const out = new Float32Array(n);
    if (n < 16 || !contiguous) {
      for (let i = 0; i < n; i++) out[i] = this.#normal() * std + mean;
      return out;
    }
    for (let i = 0; i < n; i++) out[i] = this.#u24();
    for (let i = 0; i + 16 <= n; i += 16) boxMuller32(out, i, mean, std);
    if (n % 16 !== 0) { // the last 16 are drawn again, over the end of the last whole block
      for (let i = n - 16; i < n; i++) out[i] = this.#u24();
      boxMuller32(out, n - 16, mean, std);
    }
    return out;
  }

  /** randn(n, dtype=float64). */
  randn64(n: number): Float64Array<ArrayBuffer> {
    const out = new Float64Array(n);
    if (n < 16) {
      for (let i = 0; i < n; i++) out[i] = this.#normal();
      return out;
    }
    for (let i = 0; i < n; i++) out[i] = this.#u53();
    for (let i = 0; i + 16 <= n; i += 16) boxMuller64(out, i);
    if (n % 16 !== 0) {
      for (let i = n - 16; i < n; i++) out[i] = this.#u53();
      boxMuller64(out, n - 16);
    }
    return out;
  }

  /**
   * randint(low, high, (n,)): integers in [low, high). Ranges of `wideFrom` and more take two words a value; PyTorch
   * moved that border from 2^32 to 2^28 in 2.6. Throws RangeError beyond what a JavaScript number counts.
   */
  randint(
    low: number,
    high: number,
    n: number,
    { wideFrom = 2 ** 28 }: { wideFrom?: number } = {},
  ): number[] {
    const range = high - low;
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || !(range > 0) || range > 2 ** 53) {
      throw new RangeError(`randint takes integers low < high, not ${low} and ${high}`);
    }
    if (range < wideFrom) return Array.from({ length: n }, () => low + this.#mt.next() % range);
    return Array.from({ length: n }, () => low + Number(this.#r64() % BigInt(range)));
  }

  /** empty(n, dtype=int32).random_(): integers in [0, 2^31). */
  random32(n: number): number[] {
    return Array.from({ length: n }, () => this.#mt.next() & 0x7fffffff);
  }

  /** empty(n, dtype=int64).random_(): integers in [0, 2^63); what a DataLoader draws for its base seed. */
  random64(n: number): bigint[] {
    return Array.from({ length: n }, () => this.#r64() & 0x7fffffffffffffffn);
  }

  /** randperm(n): Fisher-Yates from the front. */
  randperm(n: number): number[] {
    const out = Array.from({ length: n }, (_, i) => i);
    const wide = n >= Math.floor(0xffffffff / 20);
    for (let i = 0; i < n - 1; i++) {
      const j = i + (wide ? Number(this.#r64() % BigInt(n - i)) : this.#mt.next() % (n - i));
      const swapped = out[i];
      out[i] = out[j];
      out[j] = swapped;
    }
    return out;
  }

  /** empty(n).bernoulli_(p): 1 with probability p. Two words a value. */
  bernoulli(p: number, n: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: n }, () => this.#u53() < p ? 1 : 0);
  }

  /** bernoulli(probabilities) of a float32 tensor. One word a value. */
  bernoulliOf(probabilities: Float32Array): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(probabilities, (p) => this.#u24() < p ? 1 : 0);
  }

  /** multinomial(weights, n, replacement=True): indices. Throws RangeError when the weights add up to nothing. */
  multinomial(weights: Float32Array, n: number): number[] {
    const upTo = new Float32Array(weights.length);
    let total = 0;
    for (let i = 0; i < weights.length; i++) upTo[i] = total = Math.fround(total + weights[i]);
    if (!(total > 0) || !Number.isFinite(total)) {
      throw new RangeError("the weights must add up to more than 0");
    }
    for (let i = 0; i < upTo.length; i++) upTo[i] /= total;
    return Array.from({ length: n }, () => {
      const u = this.#u53();
      const found = upTo.findIndex((limit) => limit >= u);
      return found === -1 ? upTo.length - 1 : found;
    });
  }

  /** empty(n).exponential_(1). */
  exponential(n: number): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length: n }, () => -Math.log1p(-this.#u53()));
  }

  /** multinomial(weights, 1) of each row of `width` weights: the largest weight by an exponential number. */
  multinomialOfRows(weights: Float32Array, width: number): number[] {
    const drawn = this.exponential(weights.length), chosen: number[] = [];
    for (let row = 0; row < weights.length; row += width) {
      let best = 0, highest = -1;
      for (let i = 0; i < width; i++) {
        const quotient = Math.fround(weights[row + i] / drawn[row + i]);
        if (quotient > highest) [best, highest] = [i, quotient];
      }
      chosen.push(best);
    }
    return chosen;
  }

  /** What nn.functional.dropout(training=True) multiplies n values by: 0 or 1 / (1 - p). */
  dropoutMask(p: number, n: number): Float32Array<ArrayBuffer> {
    if (p === 1) return new Float32Array(n);
    const kept = this.bernoulli(1 - p, n), scale = 1 / Math.fround(1 - p);
    return Float32Array.from(kept, (bit) => bit * scale);
  }

  /** The state in the bytes of torch.Generator.get_state(). */
  getState(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(STATE_BYTES), view = new DataView(out.buffer);
    const { words, used } = this.#mt.getState();
    view.setBigUint64(0, this.#seed, true);
    view.setInt32(8, 624 - used + 1, true); // left
    view.setInt32(12, 1, true); // seeded
    view.setBigUint64(16, BigInt(used), true); // next
    words.forEach((word, i) => view.setUint32(24 + 8 * i, word, true));
    if (this.#spareNormal !== null) {
      view.setFloat64(5024, this.#spareNormal, true);
      view.setInt32(5040, 1, true);
    }
    return out;
  }

  /** Continues from a state of getState(), ours or PyTorch's. Throws RangeError when it is none. */
  setState(state: Uint8Array): void {
    if (state.length !== STATE_BYTES) throw new RangeError(`a generator state has ${STATE_BYTES} bytes`);
    const view = new DataView(state.buffer, state.byteOffset, state.length);
    const words = Uint32Array.from({ length: 624 }, (_, i) => view.getUint32(24 + 8 * i, true));
    // left is 1 when the block is used up, and right after seeding, when PyTorch has next at 0
    const used = view.getInt32(8, true) === 1 ? 624 : Number(view.getBigUint64(16, true));
    this.#mt.setState(words, used);
    this.#seed = view.getBigUint64(0, true);
    this.#spareNormal = view.getInt32(5040, true) === 1 ? view.getFloat64(5024, true) : null;
  }

  #r64(): bigint {
    const high = this.#mt.next(), low = this.#mt.next();
    return (BigInt(high) << 32n) | BigInt(low);
  }

  #u24(): number {
    return (this.#mt.next() & 0xffffff) * 2 ** -24;
  }

  #u53(): number {
    const high = this.#mt.next(), low = this.#mt.next();
    return ((high & 0x1fffff) * 2 ** 32 + low) * 2 ** -53;
  }

  /** One normal in float64; every second one is the sine of the pair before. */
  #normal(): number {
    if (this.#spareNormal !== null) {
      const spare = this.#spareNormal;
      this.#spareNormal = null;
      return spare;
    }
    const theta = TWO_PI * this.#u53();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#u53()));
    this.#spareNormal = radius * Math.sin(theta);
    return radius * Math.cos(theta);
  }
}

/** Sixteen uniforms become sixteen normals in place; rounded where PyTorch's float32 code rounds. */
function boxMuller32(x: Float32Array, at: number, mean: number, std: number): void {
  for (let j = at; j < at + 8; j++) {
    const log = Math.fround(Math.log(1 - x[j]));
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * log)));
    const theta = Math.fround(TWO_PI_F32 * x[j + 8]);
    x[j] = Math.fround(radius * Math.fround(Math.cos(theta))) * std + mean;
    x[j + 8] = Math.fround(radius * Math.fround(Math.sin(theta))) * std + mean;
  }
}

function boxMuller64(x: Float64Array, at: number): void {
  for (let j = at; j < at + 8; j++) {
    const radius = Math.sqrt(-2 * Math.log(1 - x[j])), theta = TWO_PI * x[j + 8];
    x[j] = radius * Math.cos(theta);
    x[j + 8] = radius * Math.sin(theta);
  }
}
