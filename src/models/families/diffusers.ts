/** What families say of themselves in a Diffusers folder, as diffusers 0.25.0 writes it for sd-scripts 0.9.1. */
import type { Config } from "../../text/config_json.ts";
import { float } from "../../text/config_json.ts";
import type { UnetConfig } from "../unet/mod.ts";
import type { DiffusersNames } from "./family.ts";

const NONE = [null, null];

/** SD1 and SD2. */
export function sdFolder(own: {
  /** Attention heads as unet/config.json gives them. */
  readonly heads: (channels: readonly number[]) => Config[string];
  /** Latents of a picture's side; a model that predicts velocity may be for another. */
  readonly sampleSize: (velocity: boolean) => number;
  readonly unusedProjection: number;
}): DiffusersNames {
  return {
    index: {
      _class_name: "StableDiffusionPipeline",
      requires_safety_checker: null,
      safety_checker: NONE,
    },
    scheduler: {
      _class_name: "DDIMScheduler",
      clip_sample_range: float(1),
      dynamic_thresholding_ratio: float(0.995),
      thresholding: false,
    },
    unet: ({ channels }, velocity) => ({
      addition_embed_type: null,
      addition_time_embed_dim: null,
      attention_head_dim: own.heads(channels),
      projection_class_embeddings_input_dim: null,
      sample_size: own.sampleSize(velocity),
      transformer_layers_per_block: 1,
    }),
    unusedProjection: () => own.unusedProjection,
    ignoresPrecision: true,
  };
}

/** SDXL. */
export function sdxlFolder(heads: (channels: number) => number): DiffusersNames {
  return {
    index: { _class_name: "StableDiffusionXLPipeline", force_zeros_for_empty_prompt: true },
    scheduler: {
      _class_name: "EulerDiscreteScheduler",
      interpolation_type: "linear",
      sigma_max: null,
      sigma_min: null,
      timestep_type: "discrete",
      use_karras_sigmas: false,
    },
    unet: ({ channels, depths, vectorWidth }: UnetConfig) => ({
      addition_embed_type: "text_time",
      addition_time_embed_dim: 256,
      attention_head_dim: channels.map(heads),
      projection_class_embeddings_input_dim: vectorWidth,
      sample_size: 128,
      transformer_layers_per_block: depths.map((depth) => Math.max(1, depth)),
    }),
    unusedProjection: (width) => width,
    ignoresPrecision: false,
  };
}
