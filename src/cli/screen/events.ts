/** `--json`: what happens, one JSON object a line on standard output. docs/automation.md describes every event. */

import { Interrupted, UsageError, UserError } from "../../base/errors.ts";
import type { JobEvent } from "../../base/events.ts";
import type { Progress } from "../../base/job.ts";
import { printErrorLine, tryPrint } from "./output.ts";

/** Raised when a field changes its meaning or goes away; new fields and events do not raise it. */
export const EVENT_VERSION = 1;

/** Whether a write worked; when it did not, nobody reads any more, or the disk is full for a while. */
type Write = (line: string) => boolean;

export class EventPrinter {
  /** The latest of each task. */
  readonly #steps = new Map<string, { step: number; total: number }>();
  #warned = false;
  /** The last line was not written, or only half of it. */
  #broken = false;

  constructor(
    private readonly write: Write = tryPrint,
    private readonly now: () => Date = () => new Date(),
  ) {}

  emit(event: JobEvent): void {
    this.#print(event.event, event);
  }

  /** A step event, once for each step of a task. */
  progress({ task, step, total, loss, memory, note, details }: Progress): void {
    const last = this.#steps.get(task);
    if (last?.step === step && last.total === total) return;
    this.#steps.set(task, { step, total });
    this.#print("step", { task, step, total, loss, memoryBytes: memory, note, ...details });
  }

  done(command: string, seconds: number): void {
    this.#print("done", { command, seconds: Math.round(seconds * 1000) / 1000, exitCode: 0 });
  }

  /** `message` is the line that stands on standard error. */
  error(error: unknown, message: string): void {
    const exitCode = error instanceof UserError ? error.exitCode : 1;
    this.#print("error", { kind: errorKind(error), message, exitCode });
  }

  #print(event: string, fields: object): void {
    const line = JSON.stringify({
      v: EVENT_VERSION,
      event,
      time: this.now().toISOString(),
      ...snakeKeys(fields),
    });
    // an empty line ends what was left half
    this.#broken = this.#broken && !this.write("") || !this.write(line);
    if (!this.#broken || this.#warned) return;
    this.#warned = true;
    printErrorLine("warning: nobody reads the events of --json any more; the work goes on");
  }
}

function errorKind(error: unknown): "usage" | "interrupted" | "failed" | "internal" {
  if (error instanceof Interrupted) return "interrupted";
  if (error instanceof UsageError) return "usage";
  if (error instanceof UserError) return "failed";
  return "internal";
}

/** Only the fields' own names: what stands inside learning_rates are names of parameter groups. */
function snakeKeys(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map((
      [key, value],
    ) => [key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), value]),
  );
}
