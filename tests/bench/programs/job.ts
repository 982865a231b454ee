/** What measure.ts times. */

import type { DType } from "../../../src/base/dtype.ts";
import type { ParameterStore, Program, Values } from "../../../src/runtime/mod.ts";
import type { Model } from "./models.ts";

export interface Job {
  /** What is profiled, and its inputs; absent where several programs make the work. */
  readonly program?: Program;
  readonly inputs: Record<string, Values>;
  /** Steps in one run: those of a sampler, else 1. */
  readonly steps: number;
  /** What one run computes and moves. */
  readonly work?: { readonly flop: number; readonly bytes: number };
  /** Weights that an update goes over. */
  readonly lanes?: number;
  /** What each run needs and is not measured. */
  before?(): void;
  /** Gives back what must be finite. */
  once(): Promise<Record<string, ArrayLike<number>>>;
  destroy(): void;
}

export type MakeJob = (store: ParameterStore, model: Model, batch: number, dtype: DType) => Promise<Job>;
