/** A run as the loop takes it: everything opened, checked and loaded. */
import type { BatchLoader } from "../../data/mod.ts";
import type { DrawingModel } from "../../generation/pipeline/model.ts";
import type { HyperParameters } from "../../formats/mod.ts";
import type { Device, ParameterStore } from "../../runtime/mod.ts";
import type { DiffusionTraining } from "../step/diffusion_training.ts";
import type { ExampleMaker } from "../objective/examples.ts";
import type { StepGenerators } from "../objective/noise.ts";
import type { Tracker } from "../logging/training_log.ts";
import type { RunLength } from "../loop/run_length.ts";
import type { SamplePictures } from "../loop/samples.ts";
import type { Validation } from "../validation/validation.ts";
import type { RunSettings } from "../state/mod.ts";

export interface TrainingRun {
  /** Names the log's folder. */
  readonly name: Tracker;
  /** What is trained, in a line. */
  readonly what: string;
  readonly seed: number;
  readonly length: RunLength;
  readonly generators: StepGenerators;
  readonly loader: BatchLoader;
  readonly examples: ExampleMaker;
  readonly training: DiffusionTraining;
  readonly device: Device;
  readonly store: ParameterStore;
  /** The model as it is now, for sample pictures. */
  readonly drawing: DrawingModel;
  readonly session: Session;
  readonly settings: RunSettings;
  /** The options that the log shows; null where that is not wanted. */
  readonly logged: HyperParameters | null;
  /** Null where none are wanted. */
  readonly samples: SamplePictures | null;
  /** Null where no pictures are held out. */
  readonly validation: Validation | null;
  /** Writes the file that the job is for. `epoch` counts from 1. */
  saveModel(path: string, steps: number, epoch: number): void;
  close(): void;
}

/** What all files of a run share, resumed or not. */
export interface Session {
  readonly sessionId: number;
  /** Unix time in seconds. */
  readonly startedAt: number;
}
