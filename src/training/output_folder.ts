/** The folder that a run writes to: made where it is missing, and cleared of what killed runs of the same name left. */
import { basename, dirname, join } from "node:path";
import { removeLeftovers } from "../base/leftovers.ts";
import type { JobContext } from "../base/job.ts";
import type { OutputConfig } from "./config.ts";
import { type Moment, saveName } from "./save_names.ts";
import { tidyStates } from "./state/mod.ts";

/** Throws what the system says when the folder cannot be made. */
export function openOutput(config: OutputConfig, context: Pick<JobContext, "log">): void {
  const last = join(config.outputDir, saveName(config, "last"));
  Deno.mkdirSync(dirname(last), { recursive: true });
  removeLeftovers(dirname(last), wanted(config, ".safetensors"), context.log);
  tidyStates(dirname(last), wanted(config, "-state"), context.log);
  removeLeftovers(join(config.outputDir, "sample"), (name) => name.endsWith(".png"), context.log);
  const { resume } = config;
  if (resume !== null) tidyStates(dirname(resume), (name) => name === basename(resume), context.log);
}

/** Whether a name is one that a run gives to what it saves: NAME, NAME-000002 or NAME-step00000500, then `end`. */
function wanted(config: OutputConfig, end: string): (name: string) => boolean {
  const at = (moment: Moment) => basename(saveName(config, moment)) + end;
  const numbered: readonly (readonly [RegExp, (n: number) => Moment])[] = [
    [/-step(\d{8,})(\.safetensors|-state)$/, (step) => ({ step })],
    [/-(\d{6,})(\.safetensors|-state)$/, (epoch) => ({ epoch })],
  ];
  return (name) =>
    name === at("last") || numbered.some(([pattern, moment]) => {
      const number = pattern.exec(name)?.[1];
      return number !== undefined && name === at(moment(Number(number)));
    });
}
