/** How long a run is: epochs and steps, each from the other. */
import type { DatasetGroup } from "../../data/mod.ts";
import type { OptimizerConfig, OutputConfig, StepConfig } from "../options.ts";

export interface RunLength {
  readonly batchesPerEpoch: number;
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
  const updates = Math.ceil(batchesPerEpoch / config.gradientAccumulationSteps);
  const steps = config.maxTrainEpochs === null ? config.maxTrainSteps : config.maxTrainEpochs * updates;
  return { batchesPerEpoch, steps, epochs: Math.ceil(steps / updates) };
}

/** --save_n_epoch_ratio as the number of epochs it means. */
export function withEpochRatio<C extends Pick<OutputConfig, "saveNEpochRatio" | "saveEveryNEpochs">>(
  config: C,
  epochs: number,
): C {
  if (!config.saveNEpochRatio) return config;
  return { ...config, saveEveryNEpochs: Math.floor(epochs / config.saveNEpochRatio) || 1 };
}
