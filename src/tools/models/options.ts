/** Work on whole models: the flags of sd-scripts' tools of that kind, and of easel's own `convert`. */

import { partOptions } from "../../models/options.ts";
import { MODEL_FORMS } from "../../models/saving/forms.ts";
import {
  choice,
  flag,
  floats,
  group,
  int,
  noEffect,
  own,
  pathTo,
  required,
  str,
  strings,
} from "../../options/mod.ts";

const PRECISIONS = ["float", "fp16", "bf16"] as const;

/** `easel convert`. */
export const convertOptions = group("Converting", {
  save_model_as: own(choice(MODEL_FORMS, null, "form of OUT; unset = by its ending, without one a folder")),
  save_precision: own(choice(PRECISIONS, null, "number format of the weights; unset = as they are")),
  variant: own(str(null, "of a folder's files: fp16 takes *.fp16.safetensors, where there are some")),
  save_variant: own(str(null, "the same for the folder that is written")),
  v_parameterization: own(flag("the model predicts velocity, where its file does not say so")),
  ...partOptions,
});

/** `tools/convert_diffusers20_original_sd.py`. */
export const convertDiffusersOptions = group("Converting", {
  v1: flag("the model is SD 1.x; seen from the model anyway"),
  v2: flag("the model is SD 2.x; seen from the model anyway"),
  unet_use_linear_projection: noEffect(
    "projections stay as the model has them, linear in SD2",
    flag("SD2 folders with linear projections"),
  ),
  fp16: flag("save in float16"),
  bf16: flag("save in bfloat16"),
  float: flag("save in float32"),
  save_precision_as: choice(["no", "fp16", "bf16", "float"], "no", "the same in one flag"),
  epoch: int(0, "epoch written into a .ckpt", { min: 0 }),
  global_step: int(0, "step written into a .ckpt", { min: 0 }),
  metadata: str(null, "metadata of a .safetensors file, as a Python dict of texts"),
  variant: str(null, "of a folder's files: fp16 takes *.fp16.safetensors, where there are some"),
  reference_model: pathTo(
    "folder",
    str(null, "Diffusers folder, or a name on the hub, whose scheduler and tokenizer a new one gets"),
  ),
  use_safetensors: flag("folders with .safetensors files in place of .bin"),
});

/** `tools/merge_models.py`. */
export const mergeModelsOptions = group("Merging", {
  models: required(pathTo("model", strings("the models, all of one family"))),
  output: required(pathTo("file", str(null, "file to write, .safetensors"))),
  ratios: floats("share of each model; unset = equal ones, 1 in sum"),
  unet_only: flag("text encoder and VAE are the first model's"),
  device: noEffect("sums are made on the CPU", str("cpu", "compute device")),
  precision: choice(PRECISIONS, "float", "number format of the sums"),
  saving_precision: choice(PRECISIONS, "float", "number format of saved weights"),
  show_skipped: flag("name tensors that the first model has not"),
});

/** `tools/show_metadata.py`. */
export const showMetadataOptions = group("Metadata", {
  model: required(pathTo("model", str(null, "safetensors file"))),
});
