/** Runs as the page shows them. */

import type { JobView } from "../queue/shown.ts";

/** Points of a chart. Where several steps share one, `low` and `high` are the smallest and largest of them. */
export interface Points {
  /** The last step of each point. */
  readonly steps: readonly number[];
  /** Their mean; null where none of them is finite. */
  readonly values: readonly (number | null)[];
  readonly low?: readonly (number | null)[];
  readonly high?: readonly (number | null)[];
}

export interface SavedFile {
  readonly what: "model" | "state";
  readonly path: string;
  readonly step: number;
}

export interface RunSummary {
  readonly id: string;
  readonly kind: "job" | "log" | "output";
  readonly title: string;
  /** Where it lies, from the first folder on. */
  readonly place: string;
  readonly state: JobView["state"] | null;
  /** Unix time in milliseconds; null where the files do not say. */
  readonly started: number | null;
  readonly ended: number | null;
}

/** Where it is now. */
export interface RunNow {
  readonly step: number;
  readonly total: number | null;
  readonly epoch: number | null;
  readonly task: { readonly name: string; readonly step: number; readonly total: number } | null;
  /** The last of each metric. */
  readonly latest: Readonly<Record<string, number | null>>;
  readonly secondsPerStep: number | null;
  readonly secondsLeft: number | null;
  /** How many there are by now. */
  readonly samples: number;
  readonly saves: number;
  readonly job: JobView | null;
  /** Seconds of processor time so far, while it runs. */
  readonly processor: number | null;
  /** Bytes of the machine's memory that it takes, while it runs. */
  readonly resident: number | null;
  /** Of the card that it runs on. */
  readonly device: DeviceLoad | null;
}

/** Of all programs together. */
export interface DeviceLoad {
  /** 0 to 1. */
  readonly load: number;
  /** In bytes. */
  readonly used: number;
  readonly total: number;
}

export interface RunDetails extends RunNow {
  readonly summary: RunSummary;
  readonly metrics: readonly string[];
  readonly marks: readonly EpochMark[];
  readonly pictures: readonly PictureView[];
  readonly files: readonly SavedFile[];
  readonly damaged: string | null;
}

/** The step before the first of an epoch. */
export interface EpochMark {
  readonly epoch: number;
  readonly step: number;
}

export interface PictureView {
  /** Its place in the run's list, by which it is asked for. */
  readonly index: number;
  readonly prompt: string;
  readonly seed: number | null;
  readonly step: number;
  readonly name: string;
}

export interface RunNews {
  readonly now: RunNow;
  /** By metric, the steps since the last news; none in the first. */
  readonly added: Readonly<Record<string, Points>>;
  /** Epochs since then. */
  readonly marks: readonly EpochMark[];
}
