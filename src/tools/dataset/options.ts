/** Work on folders of pictures and on metadata files: the flags of the scripts in sd-scripts' finetune/ and tools/. */

import { choice, flag, group, int, pathTo, required, str } from "../../options/mod.ts";

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

export const cannyOptions = group("Edges", {
  input: required(pathTo("file", str(null, "picture"))),
  output: required(pathTo("file", str(null, "picture to write: white edges on black"))),
  thres1: int(32, "slope from which on an edge goes on"),
  thres2: int(224, "slope at which an edge begins"),
});

export const resizeImagesOptions = group("Resizing", {
  max_resolution: str("512x512,384x384,256x256,128x128", "sizes, each the most pixels that a picture has"),
  divisible_by: int(1, "sides are multiples of this, by cutting", { min: 1, max: 16384 }),
  interpolation: choice(["area", "cubic", "lanczos4"], "area", "filter"),
  save_as_png: flag("write PNG files; else JPEG of quality 100"),
  copy_associated_files: flag("copy captions and the like with the size in their name"),
});
