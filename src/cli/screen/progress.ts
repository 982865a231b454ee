/** Progress on standard error: a bar that redraws itself on a terminal, a line now and then anywhere else. */

import type { Progress } from "../../base/job.ts";
import { bytesText } from "../../base/bytes.ts";
import { durationText, moveCursor } from "./output.ts";
import { oneLine } from "./screen.ts";

export interface Surroundings {
  /** A terminal that can go back to the start of a line. */
  readonly live: boolean;
  readonly colour: boolean;
  readonly columns: number;
  readonly write: (text: string) => void;
  /** Milliseconds. */
  readonly now: () => number;
}

/** What standard error is: NO_COLOR, TERM=dumb, pipes and CI are respected. */
export function surroundings(): Surroundings {
  const live = Deno.stderr.isTerminal() && Deno.env.get("TERM") !== "dumb" && !Deno.env.get("CI");
  return {
    live,
    colour: live && !Deno.env.get("NO_COLOR"),
    get columns() {
      try {
        return Deno.consoleSize().columns || 80;
      } catch {
        return 80;
      }
    },
    write: moveCursor,
    now: () => performance.now(),
  };
}

// deno-lint-ignore no-control-regex -- colour has no width
const COLOURS = /\x1b\[\d*m/g;

const REDRAW_MS = 100;
const LINE_MS = 10_000;

interface Paused {
  readonly start: { readonly time: number; readonly step: number };
  /** Steps done. */
  readonly step: number;
  /** When the next task began. */
  readonly since: number;
  readonly shown: number;
}

export class ProgressPrinter {
  #around: Surroundings;
  #task: string | null = null;
  /** First event of the task: seconds per step count from here. */
  #start = { time: 0, step: 0 };
  #shown = -Infinity;
  /** Of the latest event. */
  #now = { time: 0, step: 0, done: false };
  /** Tasks that others came between; their names are few. */
  readonly #paused = new Map<string, Paused>();
  /** The total of each task that was last seen at its end. */
  readonly #ended = new Map<string, number>();
  /** The bar that stands on the screen without a line end, and what it was made from. */
  #bar = "";
  #last: { event: Progress; pace: number | null } | null = null;

  constructor(around: Surroundings = surroundings()) {
    this.#around = around;
  }

  update(event: Progress): void {
    const now = this.#around.now(), done = event.step >= event.total;
    if (done && this.#ended.get(event.task) === event.total) { // told twice: only its time is news
      this.#now = { time: now, step: event.step, done };
      return;
    }
    if (done) this.#ended.set(event.task, event.total);
    else this.#ended.delete(event.task);
    if (event.task !== this.#task || event.step < this.#start.step) this.#begin(event, now);
    this.#now = { time: now, step: event.step, done };
    if (!done && now - this.#shown < (this.#around.live ? REDRAW_MS : LINE_MS)) return;
    this.#shown = now;
    const steps = event.step - this.#start.step;
    const pace = steps > 0 ? (now - this.#start.time) / 1000 / steps : null;
    if (this.#around.live) {
      this.#last = { event, pace };
      this.#draw("");
      if (done) this.finish();
    } else this.#around.write(plainLine(event, pace) + "\n");
  }

  /** A new task, or one that goes on: what came between is left out of its time. */
  #begin(event: Progress, now: number): void {
    const { time, step, done } = this.#now;
    if (this.#task !== null && this.#task !== event.task && !done) {
      this.#paused.set(this.#task, { start: this.#start, step, since: now, shown: this.#shown });
    }
    this.finish();
    this.#task = event.task;
    const paused = this.#paused.get(event.task);
    this.#paused.delete(event.task);
    if (paused && event.step >= paused.step) {
      this.#start = { time: paused.start.time + time - paused.since, step: paused.start.step };
      this.#shown = this.#around.live ? -Infinity : paused.shown;
      return;
    }
    this.#start = { time: now, step: Math.min(event.step, event.resumedFrom ?? event.step) };
    if (event.resumedFrom === undefined || event.step > event.resumedFrom) this.#start.step = event.step;
    this.#shown = -Infinity;
  }

  /** The terminal has another width: a bar that is now too long has been wrapped over several rows. */
  resize(): void {
    if (!this.#bar || !this.#last) return;
    const rows = Math.ceil(this.#bar.replace(COLOURS, "").length / Math.max(1, this.#around.columns)) - 1;
    this.#draw(rows > 0 ? `\x1b[${rows}A\r\x1b[J` : "");
  }

  #draw(before: string): void {
    const { event, pace } = this.#last!;
    this.#bar = barLine(event, pace, this.#around);
    this.#around.write(`${before}\r\x1b[K${this.#bar}`);
  }

  /** A line that must not end up inside the bar. */
  line(given: string): void {
    const text = oneLine(given);
    if (!this.#bar) this.#around.write(text + "\n");
    else this.#around.write(`\r\x1b[K${text}\n${this.#bar}`);
  }

  /** Leaves the bar as it is and goes to the next line. */
  finish(): void {
    if (this.#bar) this.#around.write("\n");
    this.#bar = "";
    this.#last = null;
    this.#task = null;
  }
}

function facts(event: Progress, pace: number | null): string[] {
  const parts: string[] = [];
  if (event.loss !== undefined) parts.push(`loss ${event.loss.toFixed(4)}`);
  if (pace !== null) {
    parts.push(`${pace.toPrecision(3)} s/it`);
    const left = event.total - event.step;
    if (left > 0) parts.push(`${durationText(pace * left)} left`);
  }
  if (event.memory !== undefined) parts.push(bytesText(event.memory));
  if (event.note) parts.push(oneLine(event.note));
  return parts;
}

/** "training 120/1600, loss 0.1234, 1.20 s/it, 29:36 left, 2.1 GB". */
export function plainLine(event: Progress, pace: number | null): string {
  return [`${event.task} ${event.step}/${event.total}`, ...facts(event, pace)].join(", ");
}

/** The same with a bar in it, never wider than the terminal. */
export function barLine(event: Progress, pace: number | null, around: Surroundings): string {
  const head = `${event.task} ${event.step}/${event.total} `;
  const tail = ["", ...facts(event, pace)].join("  ");
  const room = Math.min(30, around.columns - 1 - head.length - tail.length);
  if (room < 5) return (head + tail.trimStart()).slice(0, Math.max(0, around.columns - 1));
  const share = event.total > 0 ? Math.min(1, event.step / event.total) : 1;
  const full = Math.floor(room * share);
  const filled = "#".repeat(full), empty = ".".repeat(room - full);
  return head + (around.colour ? `\x1b[36m${filled}\x1b[2m${empty}\x1b[0m` : filled + empty) + tail;
}
