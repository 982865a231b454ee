/** easel merge_captions_to_metadata and merge_dd_tags_to_metadata: sd-scripts' scripts of these names in finetune/. */

import { UsageError } from "../../../base/errors.ts";
import type { JobContext } from "../../../base/job.ts";
import { checkExtension } from "../../../tools/dataset/texts/text_beside.ts";
import type { ConfigOf } from "../../../options/mod.ts";
import { readableFile } from "../../../options/paths.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { mergeCaptionsOptions, mergeTagsOptions } from "../../../tools/dataset/options.ts";
import { command, type CommandInput } from "../../command.ts";

const CAPTIONS = [mergeCaptionsOptions, compatOptions, automationOptions] as const;
const TAGS = [mergeTagsOptions, compatOptions, automationOptions] as const;
type Input = CommandInput<ConfigOf<typeof TAGS>>;

const ARGUMENTS = { positionals: ["TRAIN_DATA_DIR", "OUT_JSON"], completes: "folder" } as const;

export const mergeCaptionsToMetadata = command({
  ...ARGUMENTS,
  groups: CAPTIONS,
  about:
    "Writes the captions beside the pictures of TRAIN_DATA_DIR into OUT_JSON, which fine_tune --in_json reads. " +
    "What OUT_JSON already says of other pictures, and of these besides their captions, stays.",
  examples: [
    "easel merge_captions_to_metadata images/1_thing meta.json --full_path --caption_extension .txt",
  ],
  check: (input) => check(spelt(input)),
  run: (input, context) => merge("caption", spelt(input), context),
});

export const mergeDdTagsToMetadata = command({
  ...ARGUMENTS,
  groups: TAGS,
  about:
    "Writes the tags beside the pictures of TRAIN_DATA_DIR into OUT_JSON, which fine_tune --in_json reads. " +
    "What OUT_JSON already says of other pictures, and of these besides their tags, stays.",
  examples: ["easel merge_dd_tags_to_metadata images/1_thing meta.json --full_path"],
  check,
  run: (input, context) => merge("tags", input, context),
});

/** The misspelt flag's value where it belongs. */
function spelt(input: CommandInput<ConfigOf<typeof CAPTIONS>>): Input {
  const { values } = input;
  return {
    ...input,
    values: { ...values, captionExtension: values.captionExtention ?? values.captionExtension },
  };
}

function check({ values }: Input): void {
  if (values.recursive && !values.fullPath) {
    throw new UsageError("--recursive needs --full_path: folders may hold pictures of the same name");
  }
  checkExtension(values.captionExtension);
  readableFile("in_json", values.inJson);
}

async function merge(
  field: "caption" | "tags",
  { values, positionals }: Input,
  context: JobContext,
): Promise<void> {
  const { mergeToMetadata } = await import("../../../tools/dataset/texts/merge_to_metadata.ts");
  const [trainDataDir, outJson] = positionals;
  await mergeToMetadata({ ...values, trainDataDir, outJson, field }, context);
}
