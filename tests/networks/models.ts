/** Keys and shapes of models for the tests of the networks room. */

import type { Shapes } from "../../src/models/mod.ts";
import { synthModel } from "../golden/synth_models.ts";

const UNET = { model_channels: 320, channel_mult: [1, 2, 4, 4], attention_resolutions: [4, 2, 1] };

/** SD1.5's real sizes. */
export function sd15(): Shapes {
  const unet = { ...UNET, context_dim: 768 };
  return synthModel("sd1", { unet, clip: { hidden: 768, layers: 12, intermediate: 3072 } }).shapes;
}

/** SDXL's real sizes. */
export function sdxl(): Shapes {
  return synthModel("sdxl", {
    unet: {
      ...UNET,
      channel_mult: [1, 2, 4],
      transformer_depth: [0, 2, 10],
      middle_depth: 10,
      context_dim: 2048,
      adm_in_channels: 2816,
      use_linear_in_transformer: true,
    },
    clip_l: { hidden: 768, layers: 12, intermediate: 3072 },
    clip_g: { width: 1280, layers: 32, mlp: 5120, text_projection: [1280, 1280] },
  }).shapes;
}

/** SD1's structure with one block a level, like the model that comes with easel. */
export function small(): Shapes {
  return synthModel("sd1", {
    unet: { ...UNET, model_channels: 32, num_res_blocks: 1, context_dim: 64 },
    clip: { hidden: 64, layers: 2, intermediate: 128 },
  }).shapes;
}
