/** Work on LoRA files: the flags of sd-scripts' networks/resize_lora.py and networks/merge_lora.py. */

import {
  choice,
  type ConfigOf,
  flag,
  float,
  floats,
  group,
  int,
  noEffect,
  pathTo,
  required,
  str,
  strings,
} from "../options/mod.ts";
import type { CompatConfig } from "../options/shared.ts";

const PRECISIONS = ["float", "fp16", "bf16"] as const;

const savePrecision = choice(PRECISIONS, null, "number format of saved weights; unset = as computed");
const saveTo = required(pathTo("file", str(null, "output file")));

export const resizeLoraOptions = group("Resizing", {
  save_precision: savePrecision,
  new_rank: int(4, "target rank", { min: 1, max: 65536 }),
  new_conv_rank: int(null, "target rank of 3x3 convolutions", { min: 1, max: 65536 }),
  model: required(pathTo("model", str(null, "network file"))),
  save_to: saveTo,
  device: noEffect(
    "factors are decomposed in double precision on the CPU",
    str(null, "compute device"),
  ),
  verbose: flag("print per-layer ranks"),
  dynamic_method: choice(["sv_ratio", "sv_fro", "sv_cumulative"], null, "rank choice rule"),
  dynamic_param: float(null, "its threshold"),
});

export const mergeLoraOptions = group("Merging", {
  v2: flag("treat the base model as SD 2.x (OpenCLIP-H text encoder, 1024-wide context)"),
  save_precision: savePrecision,
  precision: choice(PRECISIONS, "float", "number format while merging"),
  sd_model: pathTo("model", str(null, "base model to merge into; unset merges the networks with each other")),
  models: required(pathTo("model", strings("network files"))),
  ratios: required(floats("weight of each network")),
  save_to: saveTo,
  no_metadata: flag("leave training metadata out (a minimum remains)"),
  concat: flag("join ranks instead of adding weights"),
  shuffle: flag("shuffle ranks after concat"),
});

export type ResizeLoraConfig = ConfigOf<typeof resizeLoraOptions> & CompatConfig;
export type MergeLoraConfig = ConfigOf<typeof mergeLoraOptions> & CompatConfig;
export type Precision = MergeLoraConfig["precision"];
