/**
 * In which order a dataset's images come: shuffled anew for each epoch, from a seed, on top of the last order. The
 * order of epoch e is a function of the dataset, the seed and e, so (epoch, step) is all that has to be saved.
 */

import { PythonRandom } from "../../random/mod.ts";
import type { Dataset } from "../dataset/dataset.ts";

/** A batch: which bucket, and which stretch of it. */
interface BatchIndex {
  readonly bucket: number;
  readonly batch: number;
}

/** Restores an Order. */
export interface OrderState {
  readonly epoch: number;
  readonly step: number;
}

export class Order {
  readonly #indices: BatchIndex[];
  readonly #buckets: number[][];
  #epoch = 0;
  /** The step that captions see. */
  step = 0;

  /** Epoch 0: shuffled once from seed 0 whatever `seed` is, as the reference does. Reseeds `random`. */
  constructor(readonly dataset: Dataset, readonly seed: number, random: PythonRandom) {
    const { buckets, params } = dataset;
    this.#buckets = buckets.map(({ members }) => [...members]);
    this.#indices = buckets.flatMap(({ members }, bucket) =>
      Array.from({ length: Math.ceil(members.length / params.batch_size) }, (_, batch) => ({ bucket, batch }))
    );
    this.#shuffle(0, random);
  }

  /** The order that was in this state; nothing else is touched. */
  static at(dataset: Dataset, seed: number, state: OrderState): Order {
    const random = new PythonRandom(0), order = new Order(dataset, seed, random);
    order.setEpoch(state.epoch, random);
    order.step = state.step;
    return order;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Batches in an epoch. */
  get length(): number {
    return this.#indices.length;
  }

  /** Goes on to `epoch`, shuffling once for each epoch on the way; reseeds `random` when there is any. */
  setEpoch(epoch: number, random: PythonRandom): void {
    if (epoch < this.#epoch) throw new RangeError(`epoch ${epoch} lies before epoch ${this.#epoch}`);
    while (this.#epoch < epoch) this.#shuffle(this.seed + ++this.#epoch, random);
  }

  /** Bucket number and entry numbers of a batch. */
  batch(index: number): { bucket: number; entries: number[] } {
    const { bucket, batch } = this.#indices[index];
    const size = this.dataset.params.batch_size;
    return { bucket, entries: this.#buckets[bucket].slice(batch * size, (batch + 1) * size) };
  }

  /** All batches as [bucket, batch] and the entry numbers of all buckets, as they lie now. */
  layout(): { indices: [number, number][]; buckets: number[][] } {
    return {
      indices: this.#indices.map(({ bucket, batch }) => [bucket, batch]),
      buckets: this.#buckets.map((bucket) => [...bucket]),
    };
  }

  state(): OrderState {
    return { epoch: this.#epoch, step: this.step };
  }

  #shuffle(seed: number, random: PythonRandom): void {
    random.seed(seed);
    random.shuffle(this.#indices);
    for (const bucket of this.#buckets) random.shuffle(bucket);
  }
}
