/** What a ControlNet or LLLites change in one evaluation of the U-Net. */

import type { Graph } from "../../../graph/mod.ts";
import type { Adapter, Control, LatentShape } from "../../../models/mod.ts";

export interface ControlStep {
  /** Programs with the same key are the same. */
  readonly key: string;
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /** A ControlNet for a program of so many rows. */
  readonly control?: (graph: Graph, rows: number) => Control;
  /** LLLites, around the adapter that is there; with Deep Shrink's ratio while it acts. */
  readonly adapter?: (graph: Graph, inner: Adapter | undefined, shrinkRatio: number | null) => Adapter;
  /** Deep Shrink rests meanwhile, as in sd-scripts 0.9.1. */
  readonly keepsSize?: boolean;
}

/** A batch with its guide pictures. */
export interface ControlRun {
  /** For evaluation `done` of `total`; null where nothing takes part in it. */
  at(done: number, total: number, shape: LatentShape): ControlStep | null;
}
