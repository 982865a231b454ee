/** Work on folders of pictures and on metadata files: the flags of the scripts in sd-scripts' finetune/ and tools/. */

import { flag, group, pathTo, str } from "../../options/mod.ts";

const merging = {
  in_json: pathTo("json", str(null, "metadata to add to; unset = OUT_JSON where there is one")),
  full_path: flag("keys are paths, for several folders in one file; else names without ending"),
  recursive: flag("folders below TRAIN_DATA_DIR too; needs --full_path"),
  debug: flag("tell every key with its text"),
};

export const mergeCaptionsOptions = group("Merging", {
  ...merging,
  caption_extension: str(".caption", "ending of the caption files"),
  caption_extention: str(null, "misspelt alias, wins over caption_extension"),
});

export const mergeTagsOptions = group("Merging", {
  ...merging,
  caption_extension: str(".txt", "ending of the tag files"),
});

export const cleanOptions = group("Cleaning", {
  debug: flag("tell every text that changes, before and after"),
});
