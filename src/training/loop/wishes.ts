/** What is asked of a run between two steps, by signals on the command line (docs/automation.md). */
import type { JobContext } from "../../base/job.ts";
import type { TrainingRun } from "../jobs/training_run.ts";

type Asked = Pick<JobContext, "wishes" | "warn">;

/** Whether sample pictures were asked for; a run without prompts says that there are none. */
export function wishesSamples({ wishes, warn }: Asked, { samples }: Pick<TrainingRun, "samples">): boolean {
  if (!wishes?.take("samples")) return false;
  if (!samples) warn("no sample pictures can be drawn: the run has no --sample_prompts");
  return samples !== null;
}

/** Whether a model and a state were asked for. */
export function wishesSave({ wishes }: Pick<Asked, "wishes">): boolean {
  return wishes?.take("save") ?? false;
}
