/** How long a run is: epochs and steps, each from the other. */
import { UserError } from "../../base/errors.ts";
import { counted } from "../../base/phrases.ts";
import type { DatasetGroup } from "../../data/mod.ts";
import type { OptimizerConfig, OutputConfig, PlaceConfig, StepConfig } from "../options.ts";

export interface RunLength {
  readonly batchesPerEpoch: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
  /** Optimizer steps. */
  readonly steps: number;
}

export function runLength(
  config:
    & Pick<OptimizerConfig, "maxTrainEpochs" | "maxTrainSteps">
    & Pick<StepConfig, "gradientAccumulationSteps">,
  group: DatasetGroup,
): RunLength {
  const batchesPerEpoch = group.orders.reduce((sum, order) => sum + order.length, 0);
  const stepsPerEpoch = Math.ceil(batchesPerEpoch / config.gradientAccumulationSteps);
  const steps = config.maxTrainEpochs === null ? config.maxTrainSteps : config.maxTrainEpochs * stepsPerEpoch;
  return { batchesPerEpoch, stepsPerEpoch, steps, epochs: Math.ceil(steps / stepsPerEpoch) };
}

/**
 * Whether a run ends after `epochs` and `steps`. Epochs before a resume may have had more or fewer batches than its length
 * was counted in: then the steps say when it ends, unless epochs were asked for.
 */
export function isOver(
  { compat, maxTrainEpochs }: Pick<PlaceConfig, "compat"> & Pick<OptimizerConfig, "maxTrainEpochs">,
  length: RunLength,
  epochs: number,
  steps: number,
): boolean {
  const bounded = compat !== null || maxTrainEpochs !== null;
  return steps >= length.steps || bounded && epochs >= length.epochs;
}

/** Throws UserError where the state at `path` has all `steps` of the run behind it. */
export function refuseDone(path: string, { steps }: RunLength, done: number): void {
  if (done < steps) return;
  throw new UserError(
    `${path}: has ${counted(done, "step")} done and ${steps} are asked for; raise --max_train_steps`,
  );
}

/** --save_n_epoch_ratio as the number of epochs it means. */
export function withEpochRatio<C extends Pick<OutputConfig, "saveNEpochRatio" | "saveEveryNEpochs">>(
  config: C,
  epochs: number,
): C {
  if (!config.saveNEpochRatio) return config;
  return { ...config, saveEveryNEpochs: Math.floor(epochs / config.saveNEpochRatio) || 1 };
}
