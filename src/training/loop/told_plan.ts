/** What a run is about to do, told before its first step. */
import type { JobContext } from "../../base/job.ts";
import { counted } from "../../base/phrases.ts";
import type { TrainingRun } from "../jobs/training_run.ts";
import { rateNotes } from "../optimizers/mod.ts";
import type { StepConfig } from "../options.ts";
import { groupSize } from "../step/trainable.ts";

export function tellTraining(
  config: Pick<StepConfig, "gradientAccumulationSteps" | "mixedPrecision">,
  { what, length, training, seed }: TrainingRun,
  context: JobContext,
): void {
  const parameters = training.parts.groups.reduce((n, group) => n + groupSize(group), 0);
  context.log(`${what}: ${counted(parameters, "trainable parameter")}, seed ${seed}`);
  const [steps, epochs] = [counted(length.steps, "step"), counted(length.epochs, "epoch")];
  const batches = counted(length.batchesPerEpoch, "batch");
  const gathered = counted(config.gradientAccumulationSteps, "batch");
  context.log(
    `${steps}, ${epochs} of ${batches}, gradients of ${gathered} a step, ${config.mixedPrecision} mixed precision`,
  );
  const { optimizer } = training.step.options;
  for (const note of rateNotes(optimizer, training.parts.groups)) context.warn(note);
  context.emit({
    event: "plan",
    task: "training",
    steps: length.steps,
    epochs: length.epochs,
    batchesPerEpoch: length.batchesPerEpoch,
    trainableParameters: parameters,
    seed,
  });
}
