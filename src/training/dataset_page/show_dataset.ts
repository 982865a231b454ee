/** --debug_dataset in place of a training; what it needs is loaded when it is asked for. */

import type { JobContext } from "../../base/job.ts";
import type { Supports } from "../../data/mod.ts";
import type { TrainingConfig } from "../options.ts";

/** Throws UserError for what a training would refuse about its pictures. */
export async function showDataset(
  config: TrainingConfig,
  context: JobContext,
  supports?: Supports,
): Promise<void> {
  const { debugDataset } = await import("./debug_dataset.ts");
  await debugDataset(config, context, supports);
}
