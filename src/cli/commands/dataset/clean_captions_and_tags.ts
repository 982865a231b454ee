/** easel clean_captions_and_tags: sd-scripts' finetune/clean_captions_and_tags.py. */

import { UsageError } from "../../../base/errors.ts";
import { readableFile } from "../../../options/paths.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { cleanOptions } from "../../../tools/dataset/options.ts";
import { command } from "../../command.ts";

export const cleanCaptionsAndTags = command({
  groups: [cleanOptions, compatOptions, automationOptions],
  positionals: ["IN_JSON", "OUT_JSON..."],
  completes: "json",
  about:
    "Removes from the tags of a metadata file underscores, ratings, looks of which several people have several, and " +
    "words that end a longer tag (shirt beside white shirt); captions get plainer words (a girl for an anime lady).",
  examples: ["easel clean_captions_and_tags meta.json clean.json"],
  check: ({ positionals }) => void files(positionals),
  async run({ values, positionals }, context) {
    const { cleanCaptionsAndTags } = await import("../../../tools/dataset/texts/clean_captions_and_tags.ts");
    const { inJson, outJson, old } = files(positionals);
    if (old) {
      context.warn(`${positionals[0]}: a folder before IN_JSON has no effect, all pictures are cleaned`);
    }
    await cleanCaptionsAndTags({ ...values, inJson, outJson }, context);
  },
});

/** Older versions of the script took the folder of pictures first. */
function files(given: readonly string[]): { inJson: string; outJson: string; old: boolean } {
  if (given.length > 3) {
    throw new UsageError(`"${given[3]}" is not expected here; give the file to read and the file to write`);
  }
  const [inJson, outJson] = given.slice(-2);
  readableFile("IN_JSON", inJson);
  return { inJson, outJson, old: given.length === 3 };
}
