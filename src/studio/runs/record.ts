/** What is known of a run, wherever it comes from. */

import type { SavedFile } from "./shown.ts";
import { Series } from "./series.ts";

/** "loss", "average", "grad_norm", "validation", "memory", "seconds" (of a step), "rate:GROUP", "adapted:GROUP". */
export type Metric = string;

export interface SamplePicture {
  readonly path: string;
  readonly prompt: string;
  readonly seed: number | null;
  readonly step: number;
}

/** Grows while its run goes on. */
export class RunRecord {
  readonly series = new Map<Metric, Series>();
  /** The step before the first of each epoch but the first, and the epoch's number. */
  readonly epochs: { readonly epoch: number; readonly step: number }[] = [];
  readonly samples: SamplePicture[] = [];
  readonly saves: SavedFile[] = [];
  /** Of the last step of the training. */
  step = 0;
  total: number | null = null;
  epoch: number | null = null;
  /** What it does now, with how far it is in that. */
  task: { readonly name: string; readonly step: number; readonly total: number } | null = null;
  /** Unix time in seconds, of the first and the last that is known. */
  first: number | null = null;
  last: number | null = null;
  /** Where a file of it could not be read to its end. */
  damaged: string | null = null;
  /** Of the step before, in seconds. */
  #before: { readonly step: number; readonly time: number } | null = null;

  add(metric: Metric, step: number, value: unknown): void {
    if (typeof value !== "number" && value !== null) return;
    let series = this.series.get(metric);
    if (!series) this.series.set(metric, series = new Series());
    series.add(step, value);
  }

  /** A step of the training, done at `time`. */
  atStep(step: number, time: number): void {
    if (this.#before && step > this.#before.step && time >= this.#before.time) {
      this.add("seconds", step, (time - this.#before.time) / (step - this.#before.step));
    }
    this.#before = { step, time };
    this.step = step;
    this.at(time);
  }

  at(time: number): void {
    if (!Number.isFinite(time)) return;
    this.first ??= time;
    this.last = time;
  }

  inEpoch(epoch: number, step: number): void {
    if (epoch === this.epoch) return;
    if (this.epoch !== null && epoch > this.epoch) this.epochs.push({ epoch, step: step - 1 });
    this.epoch = epoch;
  }

  /** Average of the latest; null before two steps. */
  get secondsPerStep(): number | null {
    const seconds = this.series.get("seconds");
    if (!seconds || seconds.length === 0) return null;
    const { values } = seconds.points(this.step - 50, this.step, 51);
    const known = values.filter((value) => value !== null).sort((a, b) => a - b);
    return known.length === 0 ? null : known[known.length >> 1];
  }
}
