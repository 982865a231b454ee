/** `easel fine_tune`: trains the U-Net and, if wanted, the text encoder. */
import type { JobContext } from "../../base/job.ts";
import { type FineTuneConfig, fineTuneGroups } from "../options.ts";
import { runTraining } from "../loop/trainer.ts";
import { openOutput } from "./output_folder.ts";
import { type FullKind, openFullRun } from "./full_run.ts";
import type { TrainingRun } from "./training_run.ts";

const KIND: FullKind = { name: "finetuning", groups: fineTuneGroups };

/**
 * Runs the whole training. Throws UserError for what the user can mend, and Interrupted after saving when the context's
 * signal is aborted.
 */
export async function fineTune(config: FineTuneConfig, context: JobContext): Promise<void> {
  openOutput(config, context);
  await runTraining(config, await openFineTuneRun(config, context), context);
}

/** Everything opened, checked and loaded. */
export function openFineTuneRun(config: FineTuneConfig, context: JobContext): Promise<TrainingRun> {
  return openFullRun(KIND, config, context);
}
