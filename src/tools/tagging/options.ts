/** Tagging pictures: the flags of sd-scripts' finetune/tag_images_by_wd14_tagger.py. */

import { RANGES } from "../../data/dataset/ranges.ts";
import { type ConfigOf, flag, float, group, int, noEffect, pathTo, str } from "../../options/mod.ts";
import type { CompatConfig } from "../../options/shared.ts";
import type { DeviceConfig } from "../../runtime/options.ts";

const SHARE = { min: 0 };

export const taggerOptions = group("Tagging", {
  repo_id: str(
    "SmilingWolf/wd-v1-4-convnext-tagger-v2",
    "model on the hub; its own folder has the same name with _ for /",
  ),
  model_dir: pathTo(
    "folder",
    str(
      "wd14_tagger_model",
      "folder of model folders; a model without one is fetched into the cache of the hub",
    ),
  ),
  force_download: flag("take the hub's newest, whatever lies in the model's folder"),
  batch_size: int(1, "pictures at once", RANGES.batch_size),
  max_data_loader_n_workers: int(
    null,
    "threads that read pictures, at most one for each core; unset is --threads",
    { min: 0 },
  ),
  caption_extention: str(null, "misspelt alias, wins over caption_extension"),
  caption_extension: str(".txt", "ending of the tag files"),
  thresh: float(0.35, "probability from which on a tag is given", SHARE),
  general_threshold: float(null, "the same for general tags; unset = thresh", SHARE),
  character_threshold: float(null, "the same for characters; unset = thresh", SHARE),
  recursive: flag("folders below TRAIN_DATA_DIR too"),
  remove_underscore: flag("spaces for underscores in tags of more than three characters"),
  debug: flag("tell each picture's tags"),
  undesired_tags: str("", "tags that are left out, separated as captions are"),
  frequency_tags: flag("print how often each tag was given"),
  onnx: noEffect("models are read from model.onnx in any case", flag("use the ONNX model")),
  append_tags: flag("keep the tags that a file has and add those that it lacks"),
  use_rating_tags: flag("the likeliest rating as the first tag"),
  use_rating_tags_as_last_tag: flag("the likeliest rating as the last tag"),
  character_tags_first: flag("characters before general tags"),
  always_first_tags: str(null, "tags that come first where they are given, separated as captions are"),
  caption_separator: str(", ", "between tags"),
  tag_replacement: str(
    null,
    "source,target;source,target: other names for tags; \\, and \\; are part of a name",
  ),
  character_tag_expand: flag("name_(series) becomes name, series"),
});

export type TaggerConfig =
  & ConfigOf<typeof taggerOptions>
  & CompatConfig
  & DeviceConfig
  & { readonly trainDataDir: string };
