/** The base model of a training run. */

import { flag, group, idleZero, int, intChoice, noEffect, pathTo, sameAsUnset, str } from "../options/mod.ts";

export const modelOptions = group("Model", {
  v2: flag("treat the base model as SD 2.x (OpenCLIP-H text encoder, 1024-wide context)"),
  v_parameterization: flag("model predicts velocity instead of noise"),
  pretrained_model_name_or_path: pathTo(
    "model",
    str(null, "base model: a .safetensors or .ckpt file, or builtin:tiny"),
  ),
  tokenizer_cache_dir: noEffect(
    "the tokenizer is built in",
    pathTo("folder", str(null, "folder where tokenizer files are kept for offline use")),
  ),
  vae: pathTo("model", str(null, "VAE file replacing the checkpoint's own")),
  no_half_vae: flag("run the VAE in fp32"),
  clip_skip: idleZero(
    int(null, "use the N-th last text-encoder layer (SD1: final norm applied)", { min: 1 }),
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
