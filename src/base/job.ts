/**
 * What every long-running job gets besides its config, run(config, context) in src/options/job.ts. It never prints, never reads argv and never exits: it calls these. A test passes `quietContext()`.
 * When `signal` is aborted a job finishes the step it is in, saves what is worth keeping and throws Interrupted.
 */

import type { JobEvent } from "./events.ts";

export interface JobContext {
  /** Aborted by the first Ctrl-C (or SIGTERM, or the end of the terminal). */
  readonly signal: AbortSignal;
  /** One line of information, on standard error; it is never written into the middle of a progress bar. */
  log(line: string): void;
  /** One line that the user should read: something was ignored, replaced or looks wrong. */
  warn(line: string): void;
  /** Where the job is. Cheap: call it after each step, the screen is refreshed as often as makes sense. */
  progress(event: Progress): void;
  /** Something that a watching program wants to know; progress() reports steps by itself. */
  emit(event: JobEvent): void;
  /** What whoever watches asks of a training while it goes on; absent where nobody can. */
  readonly wishes?: RunWishes;
  /** With whoever started the job; absent where nobody can answer. */
  readonly dialogue?: Dialogue;
}

/** A training looks for them between two steps. */
export interface RunWishes {
  /** Whether this was asked for since the last call: a model and a state, or sample pictures. */
  take(what: RunWish): boolean;
}

export type RunWish = "save" | "samples";

/** A job that asks what to do next. */
export interface Dialogue {
  /** Whether somebody types; else the lines come from a file or another program. */
  readonly typed: boolean;
  /** Lines of standard input up to its end; `prompt` stands before each where somebody types it. */
  lines(prompt: string): AsyncIterable<string>;
  /** While `run` goes on a Ctrl-C aborts only the signal that it is given, and the job goes on. */
  apart<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Lets a Ctrl-C in while work goes on that never waits by itself; throws what it asks for. */
export async function hearSignals({ signal }: Pick<JobContext, "signal">): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  signal.throwIfAborted();
}

/** A moment of a task that has a known number of steps. */
export interface Progress {
  /**
   * What is going on, in a word or two: "training", "caching latents", "drawing". A new name starts a new bar; a task that
   * goes on after another was done leaves that one's time out of its own.
   */
  readonly task: string;
  /** Steps done, 0 to total. */
  readonly step: number;
  readonly total: number;
  /** Steps that an earlier run did (resume): left out of seconds per step and time left. */
  readonly resumedFrom?: number;
  /** Average loss, shown where given. */
  readonly loss?: number;
  /** Memory in use, bytes. */
  readonly memory?: number;
  /** A few words at the end of the line, such as the file just saved. */
  readonly note?: string;
  /** Further numbers of this step that only watching programs are told. */
  readonly details?: StepDetails;
}

export interface StepDetails {
  /** Counted from 1. */
  readonly epoch: number;
  /** Of the last batch alone. */
  readonly batchLoss: number;
  /** Before clipping; null while gradients are only gathered. */
  readonly gradNorm: number | null;
  /** By the name of what they are for. */
  readonly learningRates: Readonly<Record<string, number>>;
  /** The same rates times what the optimizer estimates, where it does. */
  readonly adaptedRates?: Readonly<Record<string, number>>;
}

/** What a training would need, as its programs were planned and timed. */
export interface Plan {
  readonly steps: number;
  readonly epochs: number;
  /**
   * Activations, inputs, scratch and repacked weights: what programs run in, which is as large as the largest needs, be it a
   * step or the encoding of pictures.
   */
  readonly programBytes: number;
  /** Weights, gradients and optimizer moments on the device, and what sample pictures are drawn with. */
  readonly parameterBytes: number;
  /** What the program itself takes where it shares memory with the device (the CPU); else 0. */
  readonly processBytes: number;
  /** Gradient checkpointing: how many segments of the largest bucket's program are computed again. */
  readonly recomputed?: { readonly segments: number; readonly of: number };
  /** Of one step at the largest bucket, gradient accumulation included, as measured on this machine just now. */
  readonly secondsPerStep: number;
  /** Where pictures are held out. */
  readonly validation?: PlannedValidation;
}

export interface PlannedValidation {
  /** How often in the whole run. */
  readonly times: number;
  /** Losses computed each time: of every batch at every timestep. */
  readonly losses: number;
  /** Of all these losses, each time, at the largest bucket. */
  readonly seconds: number;
}

/** A context that shows nothing and is never interrupted: for tests and for jobs inside jobs. */
export function quietContext(signal: AbortSignal = new AbortController().signal): JobContext {
  return { signal, log() {}, warn() {}, progress() {}, emit() {} };
}
