/** A number over the steps of a run, and as many points of it as a chart has room for. */

import type { Points } from "./shown.ts";

export class Series {
  #steps = new Float64Array(256);
  #values = new Float64Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** null and what is not finite is a gap. A step that was there before, as after a resume, takes its place's end. */
  add(step: number, value: number | null): void {
    if (!Number.isFinite(step)) return;
    // a run that went back to an earlier step goes on from there
    while (this.#length > 0 && this.#steps[this.#length - 1] >= step) this.#length--;
    if (this.#length === this.#steps.length) {
      this.#steps = doubled(this.#steps);
      this.#values = doubled(this.#values);
    }
    this.#steps[this.#length] = step;
    this.#values[this.#length++] = value ?? NaN;
  }

  get last(): number | null {
    return this.#length === 0 ? null : finite(this.#values[this.#length - 1]);
  }

  /** The steps from `from` to `to`, in at most `most` points of equally many. */
  points(from: number, to: number, most: number): Points {
    const begin = this.#firstFrom(from), end = this.#firstFrom(to, true), count = end - begin;
    if (count <= most) {
      const values = [...this.#values.subarray(begin, end)].map(finite);
      return { steps: [...this.#steps.subarray(begin, end)], values };
    }
    const steps: number[] = [], values: (number | null)[] = [];
    const low: (number | null)[] = [], high: (number | null)[] = [];
    for (let i = 0; i < most; i++) {
      const first = begin + Math.floor(i * count / most), next = begin + Math.floor((i + 1) * count / most);
      const share = spread(this.#values.subarray(first, next));
      steps.push(this.#steps[next - 1]);
      values.push(share.mean);
      low.push(share.low);
      high.push(share.high);
    }
    return { steps, values, low, high };
  }

  /** The first place whose step is at least this, or above it. */
  #firstFrom(step: number, above = false): number {
    let low = 0, high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1, there = this.#steps[middle];
      if (there < step || above && there === step) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function spread(values: Float64Array): { mean: number | null; low: number | null; high: number | null } {
  let sum = 0, count = 0, low = Infinity, high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    sum += value;
    count++;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return count === 0 ? { mean: null, low: null, high: null } : { mean: sum / count, low, high };
}

const finite = (value: number) => Number.isFinite(value) ? value : null;

function doubled(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const more = new Float64Array(values.length * 2);
  more.set(values);
  return more;
}
