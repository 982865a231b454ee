/**
 * What happens during a job, for programs that watch it: plain data, printed by `--json` as one JSON object a line with
 * the fields in snake_case. docs/automation.md promises these names; add fields, never change or remove one.
 */

/** What the job is about to do, before the first step. */
export interface PlanEvent {
  readonly event: "plan";
  readonly task: "training" | "drawing";
  /** Of the whole task. */
  readonly steps: number;
  readonly epochs?: number;
  readonly batchesPerEpoch?: number;
  readonly trainableParameters?: number;
  readonly seed?: number;
  readonly pictures?: number;
  /** Memory in bytes, where `easel plan` was asked for it. */
  readonly parameterBytes?: number;
  readonly programBytes?: number;
  readonly processBytes?: number;
  readonly peakBytes?: number;
  /** Gradient checkpointing: segments that the backward pass computes again, and how many there are. */
  readonly recomputedSegments?: number;
  readonly segments?: number;
  /** As measured by `easel plan`. */
  readonly secondsPerStep?: number;
  /** How often held-out pictures are validated with, and how long it takes each time. */
  readonly validations?: number;
  readonly secondsPerValidation?: number;
}

/** A file or folder that is now whole on the disk. */
export interface SaveEvent {
  readonly event: "save";
  readonly what: "model" | "state";
  readonly path: string;
  /** Steps done when it was saved. */
  readonly step: number;
}

/** A picture that is now on the disk. */
export interface SampleEvent {
  readonly event: "sample";
  readonly path: string;
  readonly prompt: string;
  /** null where the prompt names none during a training. */
  readonly seed: number | null;
  readonly width: number;
  readonly height: number;
  /** How long it took, of a batch an equal part; missing in a training. */
  readonly seconds?: number;
  /** Training steps done when it was drawn. */
  readonly step?: number;
}

/** The loss of the pictures that a training holds out. */
export interface ValidationEvent {
  readonly event: "validation";
  /** Training steps done. */
  readonly step: number;
  /** The epoch that has just ended, counted from 1; missing between two steps. */
  readonly epoch?: number;
  readonly loss: number;
  /** What it lies above the training's average loss. */
  readonly divergence: number;
}

/** `easel studio` answers under its link now. */
export interface StudioEvent {
  readonly event: "studio";
  /** With the token that lets a browser in. */
  readonly link: string;
  /** The folder of its queue and settings. */
  readonly home: string;
}

export type JobEvent = PlanEvent | SaveEvent | SampleEvent | ValidationEvent | StudioEvent;
