/** A run from what its job said (docs/automation.md), read on as it grows. */

import { eventOf, type ToldEvent } from "../queue/told.ts";
import { GrowingFile } from "../growing_file.ts";
import { RunRecord } from "./record.ts";

/** A prompt or an error is some kilobytes; what is longer is no event. */
const LONGEST_LINE = 1 << 20;

export class JobReader {
  readonly record = new RunRecord();
  readonly #file: GrowingFile;
  #text = "";
  /** The line at hand is too long. */
  #passing = false;
  readonly #decoder = new TextDecoder();

  constructor(path: string) {
    this.#file = new GrowingFile(path);
  }

  /** Letters of a line that is not whole yet. */
  get kept(): number {
    return this.#text.length;
  }

  /** Reads what is new. */
  update(): void {
    for (let bytes = this.#file.more(); bytes; bytes = this.#file.more()) {
      const lines = (this.#text + this.#decoder.decode(bytes, { stream: true })).split("\n");
      this.#text = lines.pop()!;
      for (const line of lines) {
        const event = this.#passing ? null : eventOf(line);
        this.#passing = false;
        if (event) take(this.record, event);
      }
      if (this.#text.length > LONGEST_LINE) {
        this.#passing = true;
        this.#text = "";
      }
    }
  }
}

function take(record: RunRecord, event: ToldEvent): void {
  const time = Date.parse(String(event.time)) / 1000;
  switch (event.event) {
    case "plan":
      record.total = numberOr(event.steps, record.total);
      return record.at(time);
    case "step":
      record.task = { name: String(event.task), step: Number(event.step), total: Number(event.total) };
      if (event.task !== "training") return record.at(time);
      return takeStep(record, event, time);
    case "validation":
      return record.add("validation", Number(event.step), event.loss);
    case "save":
      record.saves.push({
        what: event.what === "state" ? "state" : "model",
        path: String(event.path),
        step: Number(event.step),
      });
      return;
    case "sample":
      record.samples.push({
        path: String(event.path),
        prompt: String(event.prompt),
        seed: numberOr(event.seed, null),
        step: numberOr(event.step, 0)!,
      });
      return;
  }
}

function takeStep(record: RunRecord, event: ToldEvent, time: number): void {
  const step = Number(event.step);
  record.total = numberOr(event.total, record.total);
  if (event.batch_loss === undefined && event.loss === undefined) return record.at(time);
  if (typeof event.epoch === "number") record.inEpoch(event.epoch, step);
  record.atStep(step, time);
  record.add("loss", step, event.batch_loss);
  record.add("average", step, event.loss);
  record.add("grad_norm", step, event.grad_norm);
  record.add("memory", step, event.memory_bytes);
  for (const [kind, rates] of [["rate", event.learning_rates], ["adapted", event.adapted_rates]] as const) {
    for (const [group, rate] of Object.entries(rates ?? {})) record.add(`${kind}:${group}`, step, rate);
  }
}

const numberOr = <T>(value: unknown, other: T): number | T => typeof value === "number" ? value : other;
