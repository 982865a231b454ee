/** What is shown in place of a training, --show_timesteps and --debug_dataset: loaded when it is asked for. */

import type { JobContext } from "../../base/job.ts";
import type { Supports } from "../../data/mod.ts";
import type { TrainingConfig } from "../options.ts";

/** Whether something was shown, so that nothing is trained. Throws UserError for pictures that a training would refuse. */
export async function shownInstead(
  config: TrainingConfig,
  context: JobContext,
  supports?: Supports,
): Promise<boolean> {
  if (config.showTimesteps !== null) {
    const { showTimesteps } = await import("./show_timesteps.ts");
    showTimesteps(config, context);
  }
  if (config.debugDataset) {
    const { debugDataset } = await import("./debug_dataset.ts");
    await debugDataset(config, context, supports);
  }
  return config.showTimesteps !== null || config.debugDataset;
}
