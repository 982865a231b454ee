/** Work on network files: the options of the scripts in sd-scripts' networks/. */

import {
  choice,
  type ConfigOf,
  flag,
  float,
  floats,
  group,
  int,
  newer,
  noEffect,
  own,
  pathTo,
  required,
  short,
  str,
  strings,
} from "../../options/mod.ts";
import { DIALECTS } from "../../networks/options.ts";
import type { DeviceConfig } from "../../runtime/options.ts";
import type { CompatConfig } from "../../options/shared.ts";

const PRECISIONS = ["float", "fp16", "bf16"] as const;

const RANK = { min: 1, max: 65536 };

const DEVICE = "where to compute: cpu, cuda, cuda:N; unset takes a GPU where there is one";
const threads = own(int(0, "worker threads; 0 takes one for each core", { min: 0, max: 1024 }));

const savePrecision = choice(PRECISIONS, null, "number format of saved weights; unset = as computed");
const saveLoraKeys = own(
  choice(DIALECTS, null, "whose keys the network's file has; unset = sd-scripts', or those of the file"),
);
const saveTo = required(pathTo("file", str(null, "output file")));

export const resizeLoraOptions = group("Resizing", {
  save_precision: savePrecision,
  new_rank: int(4, "target rank", RANK),
  new_conv_rank: int(null, "target rank of 3x3 convolutions", RANK),
  model: required(pathTo("model", str(null, "network file"))),
  save_to: saveTo,
  save_lora_keys: saveLoraKeys,
  device: noEffect(
    "factors are decomposed in double precision on the CPU",
    str(null, "compute device"),
  ),
  verbose: flag("print per-layer ranks"),
  dynamic_method: choice(["sv_ratio", "sv_fro", "sv_cumulative"], null, "rank choice rule"),
  dynamic_param: float(null, "its threshold"),
  svd_lowrank_niter: newer(
    noEffect(
      "singular values come from the factors, exactly",
      int(2, "iterations of a quicker decomposition"),
    ),
  ),
});

const v2 = flag("treat the base model as SD 2.x (OpenCLIP-H text encoder, 1024-wide context)");
const noMetadata = flag("leave training metadata out (a minimum remains)");
const lbws = strings("weights by block, a list in JSON for each network");

const merging = {
  save_precision: savePrecision,
  precision: choice(PRECISIONS, "float", "number format while merging"),
  models: required(pathTo("model", strings("network files"))),
  ratios: required(floats("weight of each network")),
  save_to: saveTo,
  save_lora_keys: saveLoraKeys,
  no_metadata: noMetadata,
};

const intoModel = {
  sd_model: pathTo("model", str(null, "base model to merge into; unset merges the networks with each other")),
  concat: flag("join ranks instead of adding weights"),
  shuffle: flag("shuffle ranks after concat"),
  device: own(str(null, DEVICE)),
  threads,
};

export const mergeLoraOptions = group("Merging", { v2, ...merging, ...intoModel, lbws: own(lbws) });

export const sdxlMergeLoraOptions = group("Merging", { ...merging, ...intoModel, lbws });

export const svdMergeLoraOptions = group("Merging", {
  ...merging,
  lbws,
  new_rank: int(4, "rank of the result", RANK),
  new_conv_rank: int(null, "rank of 3x3 convolutions; unset = new_rank", RANK),
  device: noEffect("factors are decomposed in double precision on the CPU", str(null, "compute device")),
});

const sdModel = own(
  pathTo("model", str(null, "model that the networks are for; unset = a published one that they fit")),
);
const device = own(str(null, DEVICE));

const READ_BY_TENSOR = "weights are read one by one when their turn comes";

export const extractLoraOptions = group("Extracting", {
  v2,
  v_parameterization: flag("say in the metadata that the model predicts v"),
  sdxl: flag("insist on SDXL models"),
  load_precision: choice(PRECISIONS, null, "round both models' weights to this first"),
  save_precision: savePrecision,
  model_org: required(pathTo("model", str(null, "model that the other was trained from"))),
  model_tuned: required(pathTo("model", str(null, "trained model"))),
  save_to: saveTo,
  save_lora_keys: saveLoraKeys,
  dim: int(4, "rank of the LoRA", RANK),
  conv_dim: int(null, "rank of 3x3 convolutions; unset leaves them out", RANK),
  device: str(null, DEVICE),
  threads,
  clamp_quantile: float(null, "cut what lies above this quantile of the factors' sizes; with --compat 0.99", {
    above: 0,
    max: 1,
  }),
  min_diff: float(0.01, "text encoders count as trained where a weight differs by more", { min: 0 }),
  no_metadata: noMetadata,
  load_original_model_to: noEffect(READ_BY_TENSOR, str(null, "device for the original model")),
  load_tuned_model_to: noEffect(READ_BY_TENSOR, str(null, "device for the trained model")),
});

export const splitDyloraOptions = group("Splitting", {
  save_lora_keys: saveLoraKeys,
  unit: required(int(null, "step from one rank to the next", RANK)),
  save_to: saveTo,
  model: required(pathTo("model", str(null, "DyLoRA file"))),
});

export const convertLoraOptions = group("Converting", {
  to: required(
    own(choice([...DIALECTS, "lora"], null, "whose keys OUT has; lora makes a plain LoRA of any kind")),
  ),
  sd_model: sdModel,
  dim: own(int(null, "with --to lora, the most ranks; unset leaves LoRAs as they are, others get 16", RANK)),
  conv_dim: own(int(null, "of 3x3 convolutions; unset = dim", RANK)),
  save_lora_keys: own(choice(DIALECTS, "kohya", "with --to lora, whose keys OUT has")),
  save_precision: own(choice(PRECISIONS, null, "number format of OUT; unset = that of IN")),
  verbose: own(flag("a line for each module")),
  device,
  threads,
});

export const loraDiffOptions = group("Comparing", {
  sd_model: sdModel,
  all: own(flag("a line for each weight, not only for those that differ most")),
  device,
  threads,
});

export const checkLoraWeightsOptions = group("Output", {
  show_all_keys: short("s", flag("other tensors of the file too, -s for short")),
});

export const interrogateOptions = group("Interrogating", {
  v2: flag("insist on an SD 2.x model"),
  sd_model: required(pathTo("model", str(null, "model that the LoRA is for"))),
  model: required(pathTo("model", str(null, "LoRA file"))),
  batch_size: int(16, "tokens at once", RANK),
  clip_skip: int(null, "layer of the text encoder, counted from the end", { min: 1, max: 1000 }),
});

export type ResizeLoraConfig = ConfigOf<typeof resizeLoraOptions> & CompatConfig;
export type MergeLoraConfig = ConfigOf<typeof mergeLoraOptions> & CompatConfig;
export type SvdMergeConfig = ConfigOf<typeof svdMergeLoraOptions> & CompatConfig;
export type ExtractLoraConfig = ConfigOf<typeof extractLoraOptions> & CompatConfig;
export type ConvertLoraConfig = ConfigOf<typeof convertLoraOptions>;
export type LoraDiffConfig = ConfigOf<typeof loraDiffOptions>;
export type SplitDyloraConfig = ConfigOf<typeof splitDyloraOptions>;
export type InterrogateConfig = ConfigOf<typeof interrogateOptions> & DeviceConfig;
export type Precision = MergeLoraConfig["precision"];
