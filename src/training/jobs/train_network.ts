/** `easel train_network`: trains a LoRA, saving models, states, logs and sample pictures on the way. */
import type { JobContext } from "../../base/job.ts";
import type { TrainNetworkConfig } from "../options.ts";
import { type NetworkRunOptions, openNetworkRun } from "./network_run.ts";
import { openOutput } from "./output_folder.ts";
import { runTraining } from "../loop/trainer.ts";

/**
 * Runs the whole training. Throws UserError for what the user can mend, and Interrupted after saving when the context's
 * signal is aborted.
 */
export async function trainNetwork(
  config: TrainNetworkConfig,
  context: JobContext,
  options: NetworkRunOptions = {},
): Promise<void> {
  openOutput(config, context);
  await runTraining(config, await openNetworkRun(config, context, options), context);
}
