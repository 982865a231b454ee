/** The average loss that progress and logs show: over the latest epoch's worth of batches. */

export interface LossRecorderState {
  readonly losses: readonly number[];
  readonly total: number;
}

export class LossRecorder {
  #losses: number[] = [];
  #total = 0;

  /** Loss of batch `index` of epoch `epoch`, both from 0; later epochs replace what the one before left. */
  add(epoch: number, index: number, loss: number): void {
    if (epoch === 0) this.#losses.push(loss);
    else {
      while (this.#losses.length <= index) this.#losses.push(0);
      this.#total -= this.#losses[index];
      this.#losses[index] = loss;
    }
    this.#total += loss;
  }

  get average(): number {
    return this.#losses.length === 0 ? NaN : this.#total / this.#losses.length;
  }

  state(): LossRecorderState {
    return { losses: [...this.#losses], total: this.#total };
  }

  restore({ losses, total }: LossRecorderState): void {
    this.#losses = [...losses];
    this.#total = total;
  }
}
