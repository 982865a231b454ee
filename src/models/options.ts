/** The base model of a training run. */

import {
  type ConfigOf,
  flag,
  forgotten,
  group,
  idleZero,
  int,
  intChoice,
  noEffect,
  own,
  pathTo,
  required,
  same,
  sameAsUnset,
  str,
} from "../options/mod.ts";

/** Parts that come from other files than the model's. */
export const partOptions = {
  vae: pathTo("model", str(null, "VAE file or folder replacing the checkpoint's own")),
  text_encoder: own(
    pathTo("model", str(null, "text encoder of SD1 or SD2, in place of the checkpoint's own")),
  ),
  clip_l: own(pathTo("model", str(null, "SDXL's first text encoder, in place of the checkpoint's own"))),
  clip_g: own(pathTo("model", str(null, "SDXL's second text encoder, in place of the checkpoint's own"))),
};

export const modelOptions = group("Model", {
  v2: forgotten(flag("treat the base model as SD 2.x (OpenCLIP-H text encoder, 1024-wide context)")),
  v_parameterization: same(flag("model predicts velocity instead of noise")),
  pretrained_model_name_or_path: required(
    pathTo(
      "model",
      str(
        null,
        "base model: a .safetensors or .ckpt file, a Diffusers folder, a name on the hub, or builtin:tiny",
      ),
    ),
  ),
  tokenizer_cache_dir: noEffect(
    "the tokenizer is built in",
    pathTo("folder", str(null, "folder where tokenizer files are kept for offline use")),
  ),
  ...partOptions,
  no_half_vae: flag("run the VAE in fp32"),
  clip_skip: same(
    idleZero(int(null, "use the N-th last text-encoder layer (SD1: final norm applied)", { min: 1 })),
  ),
  max_token_length: sameAsUnset(
    "75",
    intChoice(
      [150, 225],
      null,
      "text length: 75 (unset), 150 or 225 tokens in 75-token chunks",
    ),
  ),
});

export type ModelConfig = ConfigOf<typeof modelOptions>;
