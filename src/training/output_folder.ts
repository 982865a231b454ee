/** The folder that a run writes to: made where it is missing, and cleared of what killed runs of the same name left. */
import { basename, dirname, join } from "node:path";
import { removeLeftovers } from "../base/leftovers.ts";
import type { JobContext } from "../base/job.ts";
import type { OutputConfig } from "./config.ts";
import { type Moment, saveName } from "./save_names.ts";
import { tidyStates } from "./state/mod.ts";

const MOMENTS: readonly Moment[] = ["last", { epoch: 1 }, { step: 1 }];

/** Throws what the system says when the folder cannot be made. */
export function openOutput(config: OutputConfig, context: Pick<JobContext, "log">): void {
  const last = join(config.outputDir, saveName(config, "last"));
  Deno.mkdirSync(dirname(last), { recursive: true });
  const ours = saveNames(config);
  const wanted = (end: string) => (name: string) =>
    name.endsWith(end) && ours.has(stem(name.slice(0, -end.length)));
  removeLeftovers(dirname(last), wanted(".safetensors"), context.log);
  tidyStates(dirname(last), wanted("-state"), context.log);
  removeLeftovers(join(config.outputDir, "sample"), (name) => name.endsWith(".png"), context.log);
  const { resume } = config;
  if (resume !== null) tidyStates(dirname(resume), (name) => name === basename(resume), context.log);
}

/** Names of all that a run saves, without their numbers. */
function saveNames(config: OutputConfig): Set<string> {
  return new Set(MOMENTS.map((moment) => stem(basename(saveName(config, moment)))));
}

/** NAME-000002 -> NAME-, NAME-step00000500 -> NAME-step. */
const stem = (name: string) => name.replace(/(-step\d{8,}|-\d{6,})$/, (number) => number.replace(/\d+/, ""));
