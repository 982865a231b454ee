/** A captioning model on a device: weights once, programs by their shapes. */

import { UserError } from "../../base/errors.ts";
import { type Graph, Programs } from "../../graph/mod.ts";
import { type Device, ParameterStore, type Values } from "../../runtime/mod.ts";
import { loadMissing } from "../load.ts";
import { Weights } from "../weights.ts";
import type { CaptionFile } from "./caption_file.ts";

/** The longest text of one batch, its beams and the last batch: more than that come and go. */
const KEPT = 12;

export class CaptionPrograms {
  readonly store: ParameterStore;
  readonly #programs: Programs<readonly (string | number)[]>;

  constructor(readonly file: CaptionFile, device: Device) {
    this.store = new ParameterStore(device);
    const load = (graph: Graph) => loadMissing(graph, this.store, file);
    this.#programs = new Programs(this.store, { load, kept: KEPT });
  }

  /** Runs what `record` describes. Throws UserError for a tensor that is missing or does not fit. */
  run(
    shape: readonly (string | number)[],
    record: (graph: Graph, w: Weights) => void,
    inputs: Readonly<Record<string, Values>>,
  ): Promise<Record<string, Float32Array>> {
    const { path, shapes } = this.file;
    const recorded = (graph: Graph) => {
      try {
        record(graph, Weights.over(graph, shapes, { source: path }));
      } catch (cause) {
        if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
        throw new UserError(`${path}: its tensors do not fit each other (${cause.message})`, { cause });
      }
    };
    return this.#programs.run(shape, recorded, inputs);
  }

  close(): void {
    this.#programs.destroy();
    this.store.destroy();
    this.file.close();
  }
}
