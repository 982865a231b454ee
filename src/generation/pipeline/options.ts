/** Ways of drawing that easel knows by name: ControlNet, second passes, Deep Shrink, Gradual Latent. */

import { flag, float, floats, group, int, own, pathTo, SHARE, str, strings } from "../../options/mod.ts";
import { CLIP_GUIDANCE_MODEL, CLIP_VISION_MODEL, VGG16_MODEL } from "../techniques/guidance/usual_models.ts";

export const controlOptions = group("ControlNet and guides", {
  guide_image_path: pathTo("file", strings("pictures to follow: one for all networks, or one for each")),
  control_net_lllite_models: pathTo("model", strings("LLLite files (SDXL)")),
  control_net_models: pathTo("model", strings("ControlNet files; several take turns, step by step")),
  control_net_preps: strings(
    "what each is shown of its picture: none, canny_63_191, lineart, softedge, scribble, blur, tile, invert",
  ),
  control_net_multipliers: floats("strengths of ControlNets or LLLites"),
  control_net_ratios: floats("share of the steps in which each applies, from the first", "*", SHARE),
  clip_vision_strength: float(
    null,
    "SDXL: how much the picture of --image_path counts, which CLIP sees, in place of the prompt's pooled text",
  ),
  clip_vision_model: own(
    pathTo("model", str(null, `CLIP model for it; unset = ${CLIP_VISION_MODEL} on the hub`)),
  ),
});

/** Of gen_img_diffusers.py, which is gen_img here. */
export const olderGenOptions = group("Of the older gen_img_diffusers.py", {
  control_net_weights: floats("ControlNet strengths; gen_img.py calls them control_net_multipliers"),
  XTI_embeddings: pathTo(
    "model",
    strings("embeddings with vectors for each block of the U-Net (train_textual_inversion_XTI)"),
  ),
  clip_guidance_scale: float(
    0,
    "how strongly CLIP pulls pictures towards the prompt, or what --c says in it",
  ),
  clip_image_guidance_scale: float(
    0,
    "how strongly CLIP pulls pictures towards --guide_image_path; without it towards the picture before",
  ),
  clip_guidance_model: own(
    pathTo("model", str(null, `CLIP model for both; unset = ${CLIP_GUIDANCE_MODEL} on the hub`)),
  ),
  vgg16_guidance_scale: float(0, "the same by VGG16, which sees shapes and textures"),
  vgg16_guidance_layer: int(20, "VGG16's layer, as torchvision counts them"),
  vgg16_guidance_model: own(
    pathTo("model", str(null, `VGG16 for it; unset = ${VGG16_MODEL} on the hub`)),
  ),
});

export const highresOptions = group("Second pass in high resolution", {
  highres_fix_scale: float(null, "first pass = size times this", { above: 0 }),
  highres_fix_steps: int(28, "steps of the first pass", { min: 1, max: 1000 }),
  highres_fix_strength: float(null, "first-pass img2img strength", SHARE),
  highres_fix_save_1st: flag("save first-pass images"),
  highres_fix_latents_upscaling: flag("upscale in latent space"),
  highres_fix_upscaler: pathTo(
    "file",
    str(
      null,
      "what enlarges between: an ESRGAN, Real-ESRGAN or latent upscaler file, or tools.latent_upscaler",
    ),
  ),
  highres_fix_upscaler_args: str(null, "of tools.latent_upscaler: weights=FILE"),
  highres_fix_disable_control_net: flag("no ControlNet in pass two"),
});

export const deepShrinkOptions = group("Deep Shrink", {
  ds_depth_1: int(null, "Deep Shrink: depth of stage 1"),
  ds_timesteps_1: int(650, "Deep Shrink: stage 1 ends at this timestep"),
  ds_depth_2: int(null, "Deep Shrink: depth of stage 2"),
  ds_timesteps_2: int(650, "Deep Shrink: stage 2 ends at this timestep"),
  ds_ratio: float(0.5, "Deep Shrink: down-scale ratio", { above: 0, max: 1 }),
});

export const gradualLatentOptions = group("Gradual Latent", {
  gradual_latent_timesteps: int(null, "Gradual Latent: start growing at this timestep"),
  gradual_latent_ratio: float(0.5, "first size ratio", { above: 0, max: 1 }),
  gradual_latent_ratio_step: float(0.125, "growth per stage", { above: 0 }),
  gradual_latent_every_n_steps: int(3, "steps per stage", { min: 1 }),
  gradual_latent_s_noise: float(1.0, "noise multiplier"),
  gradual_latent_unsharp_params: str(null, "ksize,sigma,strength[,target_x] for unsharp mask"),
});
