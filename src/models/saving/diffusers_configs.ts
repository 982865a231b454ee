/** The JSON files of a Diffusers folder, as diffusers 0.25.0 and transformers 4.57.6 write them for sd-scripts 0.9.1. */

import { type Config, float } from "../../text/config_json.ts";
import { clipConfig } from "../clip/mod.ts";
import { type Family, UNET, VAE } from "../families/family.ts";
import { below } from "../keys/mod.ts";
import { TEXT_FOLDERS } from "../layouts/folder.ts";
import { unetConfig } from "../unet/mod.ts";
import { vaeConfig } from "../vae/mod.ts";
import type { Shapes } from "../weights.ts";
import { saveDtypeOf, type SavePrecision } from "./save_dtype.ts";

const DIFFUSERS = "0.25.0", TRANSFORMERS = "4.57.6";

/** What sd-scripts' own description of the autoencoder says, for SDXL too. */
const SD1_SCALE = 0.18215;

/** What a model is made of and how it predicts; configurations are read off it. */
export interface Described {
  readonly family: Family;
  readonly shapes: Shapes;
  readonly vPrediction: boolean;
  /** What the tensors are saved in. */
  readonly precision: SavePrecision | null;
  /** As sd-scripts 0.9.1 even where that is wrong: SDXL's autoencoder with the scale of SD1's. */
  readonly compat: boolean;
  /** Another folder's settings, which go before ours. */
  readonly scheduler: Config | null;
}

export function unetJson({ family, shapes, vPrediction }: Described): Config {
  const unet = unetConfig(below(shapes, `${UNET}.`))!, attends = unet.depths.map((depth) => depth > 0);
  return {
    _class_name: "UNet2DConditionModel",
    _diffusers_version: DIFFUSERS,
    ...UNET_REST,
    ...family.diffusers.unet(unet, vPrediction),
    block_out_channels: unet.channels,
    cross_attention_dim: unet.contextWidth,
    down_block_types: attends.map((does) => does ? "CrossAttnDownBlock2D" : "DownBlock2D"),
    up_block_types: attends.toReversed().map((does) => does ? "CrossAttnUpBlock2D" : "UpBlock2D"),
    in_channels: unet.inChannels,
    out_channels: unet.outChannels,
    layers_per_block: unet.resBlocks,
    use_linear_projection: unet.linearProjection,
  };
}

/** What all U-Nets of Stable Diffusion have in common. */
const UNET_REST: Config = {
  act_fn: "silu",
  addition_embed_type_num_heads: 64,
  attention_type: "default",
  center_input_sample: false,
  class_embed_type: null,
  class_embeddings_concat: false,
  conv_in_kernel: 3,
  conv_out_kernel: 3,
  cross_attention_norm: null,
  downsample_padding: 1,
  dropout: float(0),
  dual_cross_attention: false,
  encoder_hid_dim: null,
  encoder_hid_dim_type: null,
  flip_sin_to_cos: true,
  freq_shift: 0,
  mid_block_only_cross_attention: null,
  mid_block_scale_factor: 1,
  mid_block_type: "UNetMidBlock2DCrossAttn",
  norm_eps: float(1e-5),
  norm_num_groups: 32,
  num_attention_heads: null,
  num_class_embeds: null,
  only_cross_attention: false,
  resnet_out_scale_factor: float(1),
  resnet_skip_time_act: false,
  resnet_time_scale_shift: "default",
  reverse_transformer_layers_per_block: null,
  time_cond_proj_dim: null,
  time_embedding_act_fn: null,
  time_embedding_dim: null,
  time_embedding_type: "positional",
  timestep_post_act: null,
  upcast_attention: false,
};

export function vaeJson({ family, shapes, compat }: Described): Config {
  const vae = vaeConfig(below(shapes, `${VAE}.`))!;
  return {
    _class_name: "AutoencoderKL",
    _diffusers_version: DIFFUSERS,
    act_fn: "silu",
    block_out_channels: vae.channels,
    down_block_types: vae.channels.map(() => "DownEncoderBlock2D"),
    up_block_types: vae.channels.map(() => "UpDecoderBlock2D"),
    force_upcast: true,
    in_channels: 3,
    latent_channels: vae.latentChannels,
    layers_per_block: vae.resBlocks,
    norm_num_groups: 32,
    out_channels: 3,
    sample_size: 256,
    scaling_factor: float(compat ? SD1_SCALE : family.latent.scale),
  };
}

/** One of the family's text encoders. */
export function textEncoderJson({ family, shapes, precision }: Described, index: number): Config {
  const { scope, layout, usedLayers } = family.textEncoders[index];
  const clip = clipConfig(below(shapes, `${scope}.`))!, projects = isProjecting(family, index);
  return {
    architectures: [textClass(family, index)],
    attention_dropout: float(0),
    bos_token_id: 0,
    dropout: float(0),
    dtype: { F32: "float32", F16: "float16", BF16: "bfloat16" }[saveDtypeOf(precision ?? "float")],
    eos_token_id: 2,
    hidden_act: layout === "open_clip" ? "gelu" : "quick_gelu",
    hidden_size: clip.width,
    initializer_factor: float(1),
    initializer_range: float(0.02),
    intermediate_size: clip.inner,
    layer_norm_eps: float(1e-5),
    max_position_embeddings: clip.positions,
    model_type: "clip_text_model",
    num_attention_heads: Math.max(1, clip.width / 64),
    num_hidden_layers: usedLayers(clip.layers),
    pad_token_id: 1,
    projection_dim: projects ? clip.projection : family.diffusers.unusedProjection(clip.width),
    transformers_version: TRANSFORMERS,
    vocab_size: clip.vocabulary,
  };
}

/** The pooled text is that of the last encoder. */
const isProjecting = (family: Family, index: number) =>
  family.text.pooled && index === family.textEncoders.length - 1;

const textClass = (family: Family, index: number) =>
  isProjecting(family, index) ? "CLIPTextModelWithProjection" : "CLIPTextModel";

export function schedulerJson({ family, vPrediction, scheduler }: Described): Config {
  const { scheduler: own } = family.diffusers;
  return {
    beta_end: float(0.012),
    beta_schedule: "scaled_linear",
    beta_start: float(0.00085),
    clip_sample: false,
    num_train_timesteps: 1000,
    prediction_type: vPrediction ? "v_prediction" : "epsilon",
    rescale_betas_zero_snr: false,
    sample_max_value: float(1),
    set_alpha_to_one: false,
    skip_prk_steps: true,
    steps_offset: 1,
    timestep_spacing: "leading",
    trained_betas: null,
    ...own,
    ...scheduler,
    // as diffusers has it, which takes any scheduler's settings for the one that the pipeline names
    _class_name: own._class_name,
    _diffusers_version: DIFFUSERS,
  };
}

/** Which class of which library each folder holds. */
export function indexJson({ family }: Described): Config {
  const text = family.textEncoders.flatMap((_, i): [string, readonly string[]][] => [
    [TEXT_FOLDERS[i], ["transformers", textClass(family, i)]],
    [tokenizerFolder(i), ["transformers", "CLIPTokenizer"]],
  ]);
  return {
    _diffusers_version: DIFFUSERS,
    feature_extractor: [null, null],
    image_encoder: [null, null],
    scheduler: ["diffusers", family.diffusers.scheduler._class_name],
    unet: ["diffusers", "UNet2DConditionModel"],
    vae: ["diffusers", "AutoencoderKL"],
    ...Object.fromEntries(text),
    ...family.diffusers.index,
  };
}

/** Where a text encoder's tokenizer lies. */
export const tokenizerFolder = (index: number) => index === 0 ? "tokenizer" : `tokenizer_${index + 1}`;
