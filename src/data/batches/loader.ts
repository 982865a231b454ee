/**
 * The stream of batches that training sees. Each epoch draws two numbers from the torch generator, as PyTorch's
 * DataLoader does, and permutes the batches with the second.
 *
 * With `compat` the reference's timing is repeated too: one batch is built ahead, and datasets learn the epoch and the
 * step only after a batch was built, so the first batch of an epoch (of each worker) is cut from an older order.
 */

import { UserError } from "../../base/errors.ts";
import { counted } from "../../base/phrases.ts";
import { PythonRandom, type PythonRandomState, TorchGenerator } from "../../random/mod.ts";
import type { LatentSides } from "../../models/mod.ts";
import { type Batch, refuseOtherSizes, renderBatch } from "./batch.ts";
import type { Replacement } from "./captions.ts";
import { type BatchDraws, drawItems } from "./draws.ts";
import type { DatasetGroup } from "../dataset/group.ts";
import { Order, type OrderState } from "./order.ts";

export interface LoaderOptions {
  /** See RenderOptions. */
  readonly latent: LatentSides;
  /** The generators of the run; their states are the caller's to save. */
  readonly torch: TorchGenerator;
  readonly random: PythonRandom;
  readonly maxTrainSteps: number;
  /** Behave as sd-scripts 0.9.1. */
  readonly compat: boolean;
  /** Worker processes whose draws are imitated; only with `compat`. */
  readonly workers?: number;
  /** Workers live on from epoch to epoch. */
  readonly persistentWorkers?: boolean;
  readonly replacements?: readonly Replacement[];
  /** See RenderOptions. */
  readonly scale?: boolean;
  /** Takes one line for each image that turns out unreadable. */
  readonly note: (line: string) => void;
}

/** Where the stream is, as plain data; with the states of both generators it continues exactly. */
export interface LoaderState {
  readonly epoch: number;
  readonly permutation: readonly number[];
  /** Batches of the epoch that are drawn; all but the waiting one were handed out. */
  readonly drawn: number;
  readonly waiting: BatchDraws | null;
  readonly step: number;
  readonly orders: readonly OrderState[];
  readonly workers: readonly { orders: readonly OrderState[]; random: PythonRandomState }[];
}

/** Who draws: the main process, or one imitated worker. */
interface Drawer {
  orders: readonly Order[];
  random: PythonRandom;
}

export class BatchLoader {
  #orders: readonly Order[];
  #workers: Drawer[] = [];
  #epoch = 0;
  #permutation: readonly number[] = [];
  #drawn = 0;
  #waiting: BatchDraws | null = null;
  #step = 0;
  #handedOut = 0;

  /** Throws UserError for a picture of a size that a training cannot take. */
  constructor(readonly group: DatasetGroup, readonly options: LoaderOptions) {
    if (!options.scale) group.datasets.forEach(refuseOtherSizes);
    this.#orders = group.orders;
  }

  /** Batches in an epoch. */
  get length(): number {
    return this.#orders.reduce((sum, order) => sum + order.length, 0);
  }

  /** The epoch last started, counted from 1; 0 before the first. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The epoch and how many of its batches are drawn, which no two batches of a run have in common. */
  get place(): readonly [epoch: number, drawn: number] {
    return [this.#epoch, this.#drawn];
  }

  /** Whether the epoch still has batches: true after restoring a state from its middle. */
  get inEpoch(): boolean {
    return this.#drawn < this.#permutation.length || this.#waiting !== null;
  }

  /** Begins epoch `epoch`, counted from 1. Draws from the torch generator. */
  startEpoch(epoch: number): void {
    const { torch, compat, workers = 0, persistentWorkers = false, random } = this.options;
    const keepWorkers = persistentWorkers && this.#workers.length > 0;
    const baseSeed = keepWorkers ? 0n : torch.random64(1)[0];
    this.#permutation = new TorchGenerator(torch.random64(1)[0]).randperm(this.length);
    this.#epoch = epoch;
    this.#drawn = this.#handedOut = 0;
    this.#waiting = null;
    if (!compat) this.#tell({ orders: this.#orders, random });
    else if (workers > 0 && !keepWorkers) {
      const copies = () => this.#orders.map((order) => Order.at(order.dataset, order.seed, order.state()));
      this.#workers = Array.from({ length: workers }, (_, i) => {
        return { orders: copies(), random: new PythonRandom(baseSeed + BigInt(i)) };
      });
    }
  }

  /**
   * The next batch, for the step numbered `step` from 0; null when the epoch is over. Batches without a readable image
   * are passed over. Throws UserError when a whole epoch has none.
   */
  async next(step: number): Promise<Batch | null> {
    while (this.inEpoch) {
      const draws = this.options.compat ? this.#drawAhead() : this.#draw(step);
      this.#step = step;
      const dataset = this.group.datasets[draws.dataset];
      const batch = await renderBatch(dataset, draws, this.options);
      if (batch) {
        this.#handedOut++;
        return batch;
      }
    }
    if (this.#handedOut === 0) {
      throw new UserError("none of the images can be read any more; see the lines above");
    }
    return null;
  }

  state(): LoaderState {
    const orders = (list: readonly Order[]) => list.map((order) => order.state());
    return {
      epoch: this.#epoch,
      permutation: this.#permutation,
      drawn: this.#drawn,
      waiting: this.#waiting,
      step: this.#step,
      orders: orders(this.#orders),
      workers: this.#workers.map((w) => ({ orders: orders(w.orders), random: w.random.getState() })),
    };
  }

  /** Goes to where state() was called. Throws UserError when the datasets are not those of the state. */
  restore(state: LoaderState): void {
    const inEpoch = state.permutation.length > 0;
    if (state.orders.length !== this.#orders.length || inEpoch && state.permutation.length !== this.length) {
      throw new UserError(
        `the saved state was made with ${
          counted(state.permutation.length, "batch")
        } an epoch, the dataset now has ` +
          `${this.length}; resume with the same images and dataset options`,
      );
    }
    const at = (states: readonly OrderState[]) =>
      this.#orders.map(({ dataset, seed }, i) => Order.at(dataset, seed, states[i]));
    this.#workers = state.workers.map((worker) => {
      const random = new PythonRandom(0);
      random.setState(worker.random);
      return { orders: at(worker.orders), random };
    });
    this.#orders = at(state.orders);
    this.#epoch = state.epoch;
    this.#permutation = state.permutation;
    this.#drawn = this.#handedOut = state.drawn;
    this.#waiting = state.waiting;
    this.#step = state.step;
  }

  /** Draws at the step that the batch is for. */
  #draw(step: number): BatchDraws {
    for (const order of this.#orders) order.step = step;
    return this.#drawWith({ orders: this.#orders, random: this.options.random });
  }

  /** Hands out the waiting batch after building the next one. */
  #drawAhead(): BatchDraws {
    const current = this.#waiting ?? this.#drawLate();
    this.#waiting = this.#drawn < this.#permutation.length ? this.#drawLate() : null;
    return current;
  }

  /** Draws first, then tells the datasets epoch and step. */
  #drawLate(): BatchDraws {
    const drawer = this.#workers.length > 0
      ? this.#workers[this.#drawn % this.#workers.length]
      : { orders: this.#orders, random: this.options.random };
    const draws = this.#drawWith(drawer);
    this.#tell(drawer);
    for (const order of drawer.orders) order.step = this.#step;
    return draws;
  }

  #tell({ orders, random }: Drawer): void {
    for (const order of orders) order.setEpoch(this.#epoch, random);
  }

  #drawWith({ orders, random }: Drawer): BatchDraws {
    let index = this.#permutation[this.#drawn++], dataset = 0;
    while (index >= orders[dataset].length) index -= orders[dataset++].length;
    return drawItems(orders[dataset], dataset, index, random, this.options);
  }
}
