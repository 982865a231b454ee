/** The folder that a run writes to: made where it is missing, and cleared of what killed runs of the same name left. */
import { basename, dirname, join } from "node:path";
import { modelPath } from "../../base/assets.ts";
import { UsageError } from "../../base/errors.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { tidyFolders } from "../../base/files/whole_folder.ts";
import type { JobContext } from "../../base/job.ts";
import { isSameFile } from "../../base/files/links.ts";
import type { OutputConfig, PlaceConfig } from "../options.ts";
import { type Moment, savedAs, saveName } from "../loop/save_names.ts";
import { formEnding, isFolderForm, MODEL_FOLDERS } from "../../models/mod.ts";
import { tidyStates } from "../state/mod.ts";

type RunPlaces = Pick<PlaceConfig, "pretrainedModelNameOrPath" | "vae">;

/** Throws UsageError where a model would be lost, what the system says when the folder cannot be made. */
export function openOutput(config: OutputConfig & RunPlaces, context: Pick<JobContext, "log">): void {
  const last = join(config.outputDir, saveName(config, "last"));
  const form = savedAs(config), ending = formEnding(form), isOurs = wanted(config, ending);
  refuseToReplace(last + ending, config);
  Deno.mkdirSync(dirname(last), { recursive: true });
  if (isFolderForm(form)) tidyFolders(dirname(last), isOurs, MODEL_FOLDERS, context.log);
  else removeLeftovers(dirname(last), isOurs, context.log);
  tidyStates(dirname(last), wanted(config, "-state"), context.log);
  removeLeftovers(join(config.outputDir, "sample"), (name) => name.endsWith(".png"), context.log);
  const { resume } = config;
  if (resume !== null) tidyStates(dirname(resume), (name) => name === basename(resume), context.log);
}

/** What a run is made from is not replaced by what it makes. */
function refuseToReplace(path: string, { pretrainedModelNameOrPath: model, vae }: RunPlaces): void {
  for (const [flag, input] of [["pretrained_model_name_or_path", model], ["vae", vae]]) {
    if (!input || !isSameFile(path, modelPath(input))) continue;
    throw new UsageError(
      `${path}: is what --${flag} names and would be replaced; give another --output_name or --output_dir`,
    );
  }
}

/** Whether a name is one that a run gives to what it saves: NAME, NAME-000002 or NAME-step00000500, then `end`. */
function wanted(config: OutputConfig, end: string): (name: string) => boolean {
  const at = (moment: Moment) => basename(saveName(config, moment)) + end;
  const numbered: readonly (readonly [RegExp, (n: number) => Moment])[] = [
    [/-step(\d{8,})$/, (step) => ({ step })],
    [/-(\d{6,})$/, (epoch) => ({ epoch })],
  ];
  return (name) =>
    name === at("last") || numbered.some(([pattern, moment]) => {
      const number = pattern.exec(name.slice(0, name.length - end.length))?.[1];
      return number !== undefined && name === at(moment(Number(number)));
    });
}
