/** `easel sdxl_train`: trains the U-Net of an SDXL model, by blocks if wanted, and its text encoders. */
import type { JobContext } from "../../base/job.ts";
import { type SdxlTrainConfig, sdxlTrainGroups } from "../options.ts";
import { runTraining } from "../loop/trainer.ts";
import { openOutput } from "./output_folder.ts";
import { type FullKind, openFullRun } from "./full_run.ts";
import type { TrainingRun } from "./training_run.ts";

const KIND: FullKind = { name: "finetuning", groups: sdxlTrainGroups, sdxl: true };

/**
 * Runs the whole training. Throws UserError for what the user can mend, and Interrupted after saving when the context's
 * signal is aborted.
 */
export async function sdxlTrain(config: SdxlTrainConfig, context: JobContext): Promise<void> {
  openOutput(config, context);
  await runTraining(config, await openSdxlTrainRun(config, context), context);
}

/** Everything opened, checked and loaded. */
export function openSdxlTrainRun(config: SdxlTrainConfig, context: JobContext): Promise<TrainingRun> {
  return openFullRun(KIND, config, context);
}
