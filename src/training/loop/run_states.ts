/** The states of a run: what one of now would hold, written when asked for, and a run that goes on from one. */
import type { JobContext } from "../../base/job.ts";
import type { DrawingState, RunBatches } from "../batches/run_batches.ts";
import type { TrainingRun } from "../jobs/training_run.ts";
import { loadState, type RunPosition, type RunState, saveState, type Trained } from "../state/mod.ts";
import { stateArrays } from "../step/states.ts";
import type { LossRecorder } from "./loss_recorder.ts";
import { refuseDone } from "./run_length.ts";

/** A moment between two steps, as plain data: what a state needs beside the weights. */
interface Snapshot extends Pick<DrawingState, "torch" | "python"> {
  readonly state: RunState;
}

export class RunStates {
  /** Of the moment after the last update. */
  #good!: Snapshot;

  constructor(
    private readonly run: TrainingRun,
    private readonly losses: LossRecorder,
    private readonly batches: RunBatches,
    private readonly context: Pick<JobContext, "log">,
  ) {}

  /** The step whose state can be saved. */
  get globalStep(): number {
    return this.#good.state.position.globalStep;
  }

  /** Remembers all but the weights, which are those of the last update until the next one. */
  snapshot(position: RunPosition): void {
    const { seed, session, training, settings } = this.run, { data, torch, python } = this.batches.state();
    const step = { ...training.step.state }, losses = this.losses.state();
    this.#good = { state: { position, step, losses, seed, ...session, ...settings, data }, torch, python };
  }

  save(path: string): void {
    saveState(path, this.#good.state, this.#good, this.run.store, this.#trained, this.context.log);
  }

  /** Puts the run where the state at `path` left it. Throws UserError for a state that does not fit, or that is done. */
  resume(path: string): RunPosition {
    const { generators, store, training, loader, length } = this.run;
    const state = loadState(path, this.run.settings.settings, generators, store, this.#trained);
    refuseDone(path, length, state.position.globalStep);
    const { lossScale, stepsAtScale, numbers } = training.step.state;
    // one without a scale, or whose scale a run in another precision has left, begins as a new run does
    const scaled = training.step.options.scaleLoss === (state.settings["--mixed_precision"] === "fp16");
    Object.assign(training.step.state, state.step, !scaled && { lossScale, stepsAtScale });
    // other arguments may ask for numbers that the saved run had not
    training.step.state.numbers = { ...numbers, ...state.step.numbers };
    this.losses.restore(state.losses);
    loader.restore(state.data);
    this.context.log(`resumed from ${path} at step ${state.position.globalStep}`);
    if (state.changed.length) {
      this.context.log(`settings that are others than in the saved run: ${state.changed.join(", ")}`);
    }
    return state.position;
  }

  get #trained(): Trained {
    const { parts, step } = this.run.training;
    return {
      groups: parts.groups,
      states: (group, index) => stateArrays(step.options.optimizer, group, index),
    };
  }
}
