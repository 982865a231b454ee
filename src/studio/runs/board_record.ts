/** A run from TensorBoard's files in a folder, easel's or sd-scripts', read on as they grow. */

import { join } from "node:path";
import { readScalars, type ScalarEvent } from "../../formats/mod.ts";
import { GrowingFile } from "../growing_file.ts";
import { type Metric, RunRecord } from "./record.ts";

export const isEventFile = (name: string) => name.includes(".tfevents.");

/** sd-scripts' tags, which differ from program to program; a rate without a name is that of all weights. */
const METRICS: Readonly<Record<string, Metric>> = {
  "loss": "loss",
  "loss/current": "loss",
  "loss/average": "average",
  "lr": "rate:all",
  "lr/d*lr": "adapted:all",
  "grad_norm": "grad_norm",
  "loss/validation/step_average": "validation",
};

export class BoardReader {
  readonly record = new RunRecord();
  readonly #files: { readonly path: string; readonly file: GrowingFile; rest: Uint8Array<ArrayBuffer> }[];

  /** `names` are its event files, the oldest first. */
  constructor(folder: string, names: readonly string[]) {
    this.#files = names.map((name) => {
      const path = join(folder, name);
      return { path, file: new GrowingFile(path), rest: new Uint8Array() };
    });
  }

  update(): void {
    for (const each of this.#files) {
      for (let bytes = each.file.more(); bytes; bytes = each.file.more()) {
        const whole = joinedBytes(each.rest, bytes), { events, used, damaged } = readScalars(whole);
        for (const event of events) take(this.record, event);
        if (damaged) this.record.damaged = each.path;
        each.rest = damaged ? new Uint8Array() : whole.slice(used);
        if (damaged) break;
      }
    }
  }
}

function take(record: RunRecord, { tag, step, value, time }: ScalarEvent): void {
  if (tag === "loss/current" || tag === "loss") record.atStep(step, time);
  if (tag === "loss/epoch") return record.inEpoch(step + 1, record.step + 1);
  if (tag === "loss/validation/epoch_average") return record.add("validation", record.step, value);
  const [, adapted, group] = /^lr\/(d\*lr\/)?(.+)$/.exec(tag) ?? [];
  const metric = Object.hasOwn(METRICS, tag)
    ? METRICS[tag]
    : group === undefined
    ? null
    : `${adapted ? "adapted" : "rate"}:${group}`;
  if (metric === null) return;
  if (record.epoch === null) record.epoch = 1;
  record.add(metric, step, value);
}

function joinedBytes(a: Uint8Array<ArrayBuffer>, b: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
