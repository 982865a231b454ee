/** `easel train_db`: trains the U-Net and, until a step that may be given, the text encoder. */
import type { JobContext } from "../../base/job.ts";
import { type TrainDbConfig, trainDbGroups } from "../options.ts";
import { runTraining } from "../loop/trainer.ts";
import { openOutput } from "./output_folder.ts";
import { type FullKind, openFullRun } from "./full_run.ts";
import type { TrainingRun } from "./training_run.ts";

const KIND: FullKind = { name: "dreambooth", groups: trainDbGroups, text: true };

/**
 * Runs the whole training. Throws UserError for what the user can mend, and Interrupted after saving when the context's
 * signal is aborted.
 */
export async function trainDb(config: TrainDbConfig, context: JobContext): Promise<void> {
  openOutput(config, context);
  await runTraining(config, await openTrainDbRun(config, context), context);
}

/** Everything opened, checked and loaded. */
export function openTrainDbRun(config: TrainDbConfig, context: JobContext): Promise<TrainingRun> {
  return openFullRun(KIND, config, context);
}
