/**
 * The loop of every diffusion training job: epochs, steps, models and states saved on the way, logs, sample pictures,
 * Ctrl-C and divergence. What is trained is the TrainingRun's business.
 */
import { Interrupted, UserError } from "../../base/errors.ts";
import type { JobContext } from "../../base/job.ts";
import type { DataConfig, OptimizerConfig, OutputConfig, PlaceConfig, StepConfig } from "../options.ts";
import type { StepResult } from "../step/diffusion_training.ts";
import { LossRecorder } from "./loss_recorder.ts";
import type { TrainingRun } from "../jobs/training_run.ts";
import { isOver, withEpochRatio } from "./run_length.ts";
import { RunFiles } from "./run_files.ts";
import { RunStates } from "./run_states.ts";
import { RunBatches } from "../batches/run_batches.ts";
import { type Beginning, beginning, dropBatches } from "./beginning.ts";
import { tellTraining } from "./told_plan.ts";
import type { Moment } from "./save_names.ts";
import type { RunPosition } from "../state/mod.ts";
import { wishesSamples, wishesSave } from "./wishes.ts";
import { TrainingLog } from "../logging/training_log.ts";

export type TrainerConfig =
  & StepConfig
  & OptimizerConfig
  & DataConfig
  & OutputConfig
  & Pick<PlaceConfig, "compat">;

/** Trains to the end and closes the run. Throws Interrupted after saving when the context's signal is aborted. */
export async function runTraining(
  config: TrainerConfig,
  run: TrainingRun,
  context: JobContext,
): Promise<void> {
  try {
    await new Trainer(withEpochRatio(config, run.length.epochs), run, context).train();
  } finally {
    run.close();
  }
}

class Trainer {
  readonly #losses = new LossRecorder();
  readonly #files: RunFiles;
  readonly #batches: RunBatches;
  readonly #states: RunStates;
  readonly #log: TrainingLog | null;
  #position: RunPosition = { epoch: 0, batch: 0, globalStep: 0 };
  #resumedFrom = 0;
  /** The step after which the weights were last tried. */
  #proven = 0;
  /** Of the pictures that are held out, when they were last tried, and after which step that was. */
  #validated: { readonly step: number; readonly loss: number } | null = null;

  constructor(
    private readonly config: TrainerConfig,
    private readonly run: TrainingRun,
    private readonly context: JobContext,
  ) {
    this.#batches = new RunBatches(run);
    this.#states = new RunStates(run, this.#losses, this.#batches, context);
    this.#log = TrainingLog.open(config, run.name, run.logged);
    this.#files = new RunFiles(config, {
      model: (path, steps, epoch) => run.saveModel(path, steps, epoch),
      state: (path) => this.#states.save(path),
    }, context);
  }

  async train(): Promise<void> {
    const { config, run, context } = this, { length } = run;
    try {
      if (config.resume !== null) {
        this.#position = this.#states.resume(config.resume);
        this.#resumedFrom = this.#position.globalStep;
      }
      await this.#begin(beginning(config, length));
      tellTraining(config, run, context);
      this.#states.snapshot(this.#position);
      if (this.#position.globalStep === 0) await this.#sample(0);
      for (
        let { epoch } = this.#position;
        !isOver(config, length, epoch, this.#position.globalStep);
        epoch++
      ) {
        await this.#epoch(epoch);
      }
      await this.#finish();
    } catch (error) {
      if (!(error instanceof UserError) || error instanceof Interrupted || this.#position.globalStep === 0) {
        throw error;
      }
      throw await this.#rescue(error);
    } finally {
      this.#log?.close();
      context.progress({ task: "training", step: this.#position.globalStep, total: length.steps });
    }
  }

  async #epoch(epoch: number): Promise<void> {
    const { config, run: { loader, length, training } } = this;
    if (this.#position.batch === 0) loader.startEpoch(epoch + 1);
    for (let index = this.#position.batch; this.#position.globalStep < length.steps; index++) {
      const batch = await this.#batches.next(this.#position.globalStep);
      if (!batch) break;
      const rates = training.learningRates(training.step.state.optimizerSteps);
      const next = this.#position.globalStep + (training.changes(batch.last) ? 1 : 0);
      const result = await this.#batches.during(
        () => training.trainDrawn(batch.drawn, batch.last),
        next < length.steps ? next : null,
      );
      this.#losses.add(epoch, index, result.loss);
      const updated = result.gradNorm !== null;
      const globalStep = this.#position.globalStep + (updated ? 1 : 0);
      this.#position = { epoch, batch: index + 1, globalStep };
      this.#record(result, rates);
      if (!updated) continue;
      this.#states.snapshot(this.#position);
      await this.#sample(null, wishesSamples(this.context, this.run));
      if (config.saveEveryNSteps !== null && globalStep % config.saveEveryNSteps === 0) {
        await this.#save({ step: globalStep }, epoch, config.saveState);
      }
      if (wishesSave(this.context)) this.context.log(`saved ${(await this.#saveNow()).join(" and ")}`);
      await this.#validate(null);
      if (this.context.signal.aborted) await this.#interrupt();
    }
    await this.#endEpoch(epoch + 1);
  }

  /** `epoch` counts from 1. */
  async #endEpoch(epoch: number): Promise<void> {
    const { config, run: { loader, length } } = this, { globalStep } = this.#position;
    this.#log?.epoch(epoch, this.#losses.average);
    // steps may end a run within an epoch: one that is longer goes on from there
    if (!loader.inEpoch) this.#position = { epoch, batch: 0, globalStep };
    this.#states.snapshot(this.#position);
    await this.#validate(epoch);
    const due = config.saveEveryNEpochs !== null && epoch % config.saveEveryNEpochs === 0;
    if (due && !isOver(config, length, epoch, globalStep)) {
      await this.#save({ epoch }, epoch, config.saveState);
    }
    await this.#sample(epoch);
  }

  async #finish(): Promise<void> {
    const { config, run: { length } } = this;
    await this.#save("last", length.epochs, config.saveState || config.saveStateOnTrainEnd);
  }

  /** `epoch`: how many are over, which the file says. */
  async #save(moment: Moment, epoch: number, withState: boolean): Promise<void> {
    await this.#prove();
    this.#files.save(moment, this.#position.globalStep, epoch, withState);
    await this.#files.uploaded(moment === "last");
  }

  /** Throws UserError where the latest update has broken the weights, which the next step would only notice. */
  async #prove(): Promise<void> {
    const { globalStep } = this.#position;
    if (this.#proven === globalStep) return;
    await this.run.training.prove();
    this.#proven = globalStep;
  }

  #record(result: StepResult, rates: readonly number[]): void {
    const { run: { training, device, length }, context } = this, { globalStep } = this.#position;
    const average = this.#losses.average;
    const named = (values: readonly number[]) =>
      new Map(training.parts.groups.map(({ name }, i) => [name, values[i]]));
    const learningRates = named(rates), adapted = training.step.adaptedRates(rates);
    const adaptedRates = adapted && named(adapted);
    this.#log?.step(globalStep, {
      loss: result.loss,
      average,
      learningRates,
      adaptedRates,
      gradNorm: result.gradNorm,
      norms: result.norms,
    });
    context.progress({
      task: "training",
      step: globalStep,
      total: length.steps,
      resumedFrom: this.#resumedFrom,
      loss: average,
      memory: device.peakBytes,
      note: this.#validated ? `validation ${this.#validated.loss.toFixed(4)}` : undefined,
      details: {
        epoch: this.#position.epoch + 1,
        batchLoss: result.loss,
        gradNorm: result.gradNorm,
        learningRates: Object.fromEntries(learningRates),
        ...adaptedRates && { adaptedRates: Object.fromEntries(adaptedRates) },
      },
    });
  }

  async #sample(epoch: number | null, wished = false): Promise<void> {
    const { samples, drawing } = this.run, moment = { epoch, step: this.#position.globalStep };
    if (!samples || !wished && !samples.due(moment)) return;
    await this.#prove();
    await this.run.training.step.whileSettled(() => samples.draw(drawing, moment));
  }

  /** `epoch`, counted from 1, where one has just ended. */
  async #validate(epoch: number | null): Promise<void> {
    const { run, context } = this, { validation } = run, step = this.#position.globalStep;
    if (!validation?.due({ epoch, step })) return;
    // a step may be due by its number and as the end of an epoch: the weights are the same
    const loss = this.#validated?.step === step
      ? this.#validated.loss
      : await validation.measure(run, context);
    if (loss === null) return;
    const divergence = loss - this.#losses.average;
    this.#validated = { step, loss };
    this.#log?.validation(epoch === null ? "step" : "epoch", epoch ?? step, loss, divergence);
    context.log(`validation loss ${loss.toFixed(4)} after step ${step}`);
    context.emit({ event: "validation", step, ...epoch !== null && { epoch }, loss, divergence });
  }

  async #interrupt(): Promise<never> {
    const [path, state] = await this.#saveNow(), { globalStep } = this.#position;
    throw new Interrupted(`stopped after step ${globalStep}; saved ${path}; go on with --resume ${state}`);
  }

  /** The paths of a model and a state of now. */
  async #saveNow(): Promise<[model: string, state: string]> {
    const { globalStep, epoch } = this.#position, moment = { step: globalStep };
    await this.#prove();
    return [this.#files.model(moment, globalStep, epoch), this.#files.state(moment, globalStep)];
  }

  /** After a failure: saves what was good before it and says where, or says what was saved before. */
  async #rescue(error: UserError): Promise<UserError> {
    const { globalStep } = this.#states;
    if (this.run.training.step.options.fused) { // some weights may have stepped and others not
      return new UserError(`${error.message}; ${this.#files.lastGood()}`, { cause: error });
    }
    try {
      await this.run.training.prove();
      const state = this.#files.state({ step: globalStep }, globalStep);
      return new UserError(`${error.message}; the state after step ${globalStep} is in ${state}`, {
        cause: error,
      });
    } catch { // the weights are lost, or the disk is the reason for both
      return new UserError(`${error.message}; ${this.#files.lastGood()}`, { cause: error });
    }
  }

  /** Goes on to where the run begins; batches are read and dropped where that is asked for. */
  async #begin(first: Beginning | null): Promise<void> {
    if (first === null) return;
    const { epochs, batches, globalStep } = first;
    const rates = this.config.resume === null ? "begin as at the first step" : "go on from the state";
    this.context.log(`beginning at step ${globalStep}; learning rates ${rates}`);
    await dropBatches(first, this.run.loader, this.context.signal);
    this.#position = { epoch: epochs, batch: batches, globalStep: this.#resumedFrom = globalStep };
  }
}
