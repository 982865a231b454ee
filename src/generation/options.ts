/** Drawing pictures. */

import { samplerNames, spacingNames } from "./samplers/mod.ts";
import { PICTURE_FORMATS } from "./pictures/file_names.ts";
import { ONE_ATTENTION } from "../options/shared.ts";
import {
  choice,
  flag,
  float,
  floats,
  group,
  int,
  mayBeEmpty,
  newer,
  noEffect,
  own,
  pathTo,
  required,
  SEEDS,
  SHARE,
  SIDE,
  str,
  strings,
  working,
} from "../options/mod.ts";
import { partOptions } from "../models/options.ts";
import { NETWORK_MODULES } from "../networks/options.ts";

export const genModelOptions = group("Model", {
  ckpt: required(
    pathTo(
      "model",
      str(
        null,
        "model: a .safetensors or .ckpt file, a Diffusers folder, a name on the hub, or builtin:tiny",
      ),
    ),
  ),
  v1: flag("treat the model as SD 1.x"),
  v2: flag("treat the base model as SD 2.x (OpenCLIP-H text encoder, 1024-wide context)"),
  sdxl: flag("treat the model as SDXL"),
  v_parameterization: flag("model predicts velocity instead of noise"),
  ...partOptions,
  tokenizer_cache_dir: noEffect(
    "the tokenizer is built in",
    pathTo("folder", str(null, "folder where tokenizer files are kept for offline use")),
  ),
  clip_skip: int(null, "use the N-th last text-encoder layer (SD1: final norm applied)", { min: 1 }),
  max_embeddings_multiples: int(null, "prompt length in 75-token chunks", { min: 1, max: 100 }),
  emb_normalize_mode: choice(
    ["original", "none", "abs"],
    "original",
    "how weighted embeddings are normalised",
  ),
  textual_inversion_embeddings: pathTo("model", strings("embedding files; file stem is the token")),
});

export const promptOptions = group("Prompts", {
  prompt: mayBeEmpty(str(null, "prompt text")),
  from_file: pathTo("text", str(null, "prompt file, one per line, # comments")),
  from_module: pathTo("file", str(null, "a .ts or .js module whose prompts(args) gives prompt lines")),
  prompter_module_args: str(null, "argument text for it"),
  interactive: flag("ask for one prompt after the other, or take the lines of standard input"),
  n_iter: int(1, "passes over the prompt list", { min: 1, max: 1_000_000 }),
  shuffle_prompts: flag("shuffle the prompt list each pass"),
  images_per_prompt: int(1, "images per prompt", { min: 1, max: 1_000_000 }),
  seed: int(null, "random seed", SEEDS),
  iter_same_seed: flag("same seed for all prompts of a pass"),
});

const OWN_SIZE = "unset = the size that the model was made for";

export const pictureOptions = group("Pictures", {
  H: int(null, `height; ${OWN_SIZE}`, SIDE),
  W: int(null, `width; ${OWN_SIZE}`, SIDE),
  original_height: int(null, "SDXL size conditioning: height"),
  original_width: int(null, "SDXL size conditioning: width"),
  original_height_negative: int(null, "same for the negative prompt"),
  original_width_negative: int(null, "same for the negative prompt"),
  crop_top: int(null, "SDXL crop conditioning: top"),
  crop_left: int(null, "SDXL crop conditioning: left"),
  steps: int(50, "denoising steps", { min: 1, max: 1000 }),
  sampler: choice(samplerNames, "ddim", "how noise becomes a picture"),
  sigmas: own(choice(spacingNames, null, "how a sampler over sigmas spaces them; unset = evenly in time")),
  scale: float(7.5, "CFG scale"),
  negative_scale: float(null, "scale of the negative prompt, both counted from an empty prompt"),
  batch_size: int(1, "batch size", { min: 1, max: 1024 }),
  vae_batch_size: float(null, "images decoded at once; below 1 a share of the batch", { above: 0 }),
  vae_slices: int(null, "the VAE takes the picture in N bands", { min: 1, max: 64 }),
  vae_tiling: own(flag("the VAE takes the picture in bands: bounded memory at any size, the same picture")),
  zero_terminal_snr: newer(flag("rescale betas so that the last step has SNR 0")),
  force_scheduler_zero_steps_offset: newer(flag("set steps_offset to 0")),
  pyramid_noise_prob: newer(float(null, "probability that a picture starts from pyramid noise", SHARE)),
  pyramid_noise_discount_range: newer(
    floats("least and most weight of a level by that of the one before", 2),
  ),
  noise_offset_prob: newer(float(null, "probability that a picture's noise is shifted as a whole", SHARE)),
  noise_offset_range: newer(floats("the shift: where it is drawn around, and one spread further", 2)),
});

export const genOutputOptions = group("Output", {
  outdir: pathTo("folder", str("outputs", "output folder")),
  sequential_file_name: flag("number files instead of time stamps"),
  use_original_file_name: flag("name after the source image"),
  image_format: own(
    choice(PICTURE_FORMATS, "png", "how pictures are written whose name (--f) does not say it"),
  ),
  image_quality: own(int(95, "of .jpg and .webp; 100 is a .webp without loss", { min: 1, max: 100 })),
  no_preview: noEffect("there is no preview window", flag("no preview window")),
});

export const imageToImageOptions = group("Image to image", {
  image_path: pathTo(
    "file",
    str(null, "img2img source file or folder; their own prompts are taken where none is given"),
  ),
  mask_path: pathTo("file", str(null, "inpainting mask file or folder: white is drawn anew")),
  strength: float(null, "img2img strength", SHARE),
});

export const genNetworkOptions = group("Networks", {
  network_module: working(NETWORK_MODULES, strings("network implementation; needs no mention")),
  network_weights: pathTo("model", strings("network files to apply")),
  network_mul: floats("strength per network"),
  network_args: strings("key=value list given to the network"),
  network_show_meta: flag("print network metadata"),
  network_merge_n_models: int(null, "merge the first N networks into the model", { min: 0 }),
  network_merge: flag("merge all networks"),
  network_pre_calc: noEffect(
    "networks act beside the model's weights, which stay as they are: another strength needs no calculation, and " +
      "none is undone",
    flag("precompute network weights"),
  ),
  lora_dir: own(pathTo(
    "folder",
    strings(
      "folders with LoRA files that prompts name as <lora:NAME:0.8>; those of --network_weights and the current " +
        "one are looked through too",
    ),
  )),
  network_regional_mask_max_color_codes: int(null, "read up to N regions from mask colours", {
    min: 1,
    max: 7,
  }),
});

export const genPrecisionOptions = group("Precision and memory", {
  fp16: flag("run in fp16"),
  bf16: flag("run in bf16"),
  no_half_vae: flag("run the VAE in fp32"),
  xformers: noEffect(
    ONE_ATTENTION,
    flag("xformers attention"),
  ),
  sdpa: noEffect(
    ONE_ATTENTION,
    flag("PyTorch scaled-dot-product attention"),
  ),
  diffusers_xformers: noEffect(
    ONE_ATTENTION,
    flag("use diffusers' own xformers switch"),
  ),
  opt_channels_last: noEffect("images are channels-last anyway", flag("channels-last memory layout")),
});
