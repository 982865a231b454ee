/** Where a run begins that --initial_epoch or --initial_step send further on. */
import { Interrupted, UsageError } from "../../base/errors.ts";
import type { BatchLoader } from "../../data/mod.ts";
import { counted } from "../../base/phrases.ts";
import type { OptimizerConfig, PlaceConfig, StepConfig } from "../options.ts";
import type { RunLength } from "./run_length.ts";

export interface Beginning {
  /** Epochs before, and whether their batches are read and dropped. */
  readonly epochs: number;
  readonly dropEpochs: boolean;
  /** Batches of the epoch that it begins in that are read and dropped. */
  readonly batches: number;
  /** Optimizer steps that count as done. */
  readonly globalStep: number;
}

type Config =
  & Pick<OptimizerConfig, "initialEpoch" | "initialStep" | "skipUntilInitialStep">
  & Pick<StepConfig, "gradientAccumulationSteps">
  & Pick<PlaceConfig, "compat">;

/**
 * Null where nothing is asked for. A step counts as in a run without these flags; learning rates begin anew unless a state
 * is resumed. sd-scripts 0.9.1 (`compat`) counts from 0 again, with --skip_until_initial_step from the step within the
 * epoch, and then drops no batch of the epochs before. Throws UsageError where nothing would be left to train.
 */
export function beginning(
  config: Config,
  { batchesPerEpoch, stepsPerEpoch: updates, steps }: RunLength,
): Beginning | null {
  const { initialEpoch, initialStep, skipUntilInitialStep: skip, gradientAccumulationSteps: gathered } =
    config;
  const step = initialStep ?? (initialEpoch === null ? 0 : (initialEpoch - 1) * updates);
  if (step <= 0) return null;
  if (step >= steps) {
    const flag = initialStep === null ? `--initial_epoch ${initialEpoch}` : `--initial_step ${initialStep}`;
    throw new UsageError(
      `${flag}: begins after ${counted(step, "step")} and ${steps} are asked for; raise --max_train_steps`,
    );
  }
  const epochs = Math.floor(step / updates), within = (step - epochs * updates) * gathered;
  if (config.compat === null) {
    return { epochs, dropEpochs: skip, batches: skip ? within : 0, globalStep: step };
  }
  if (!skip) return { epochs, dropEpochs: false, batches: 0, globalStep: 0 };
  // batches are divided by updates there, and what is left of them counts as steps
  const all = step * gathered, before = Math.floor(all / updates);
  const left = Math.max(0, all - before * batchesPerEpoch);
  return { epochs: before, dropEpochs: false, batches: left, globalStep: left };
}

/** Reads and drops what comes before. Throws Interrupted when told to stop. */
export async function dropBatches(first: Beginning, loader: BatchLoader, signal: AbortSignal): Promise<void> {
  const { epochs, dropEpochs, batches, globalStep } = first;
  const read = async (epoch: number, most: number) => {
    loader.startEpoch(epoch + 1);
    for (let i = 0; i < most; i++) {
      if (signal.aborted) throw new Interrupted("interrupted before the first step");
      if (await loader.next(globalStep) === null) return;
    }
  };
  if (dropEpochs) { for (let epoch = 0; epoch < epochs; epoch++) await read(epoch, Infinity); }
  if (batches > 0) await read(epochs, batches);
}
