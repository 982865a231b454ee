/** What the parts of the lora topic share: models by size, options and weights by the cases' rules. */

import type { BlockTable } from "../../../../src/models/mod.ts";
import {
  DOWN,
  keysOf,
  type LoraOptions,
  loraOptions,
  type LoraWeights,
  type NetworkModule,
  UP,
} from "../../../../src/networks/mod.ts";
import { synthTensor } from "../../synth.ts";
import { type FamilyName, type SynthModel, synthModel } from "../../synth_models.ts";

const SD_UNET = { model_channels: 320, channel_mult: [1, 2, 4, 4], attention_resolutions: [4, 2, 1] };

/** The real sizes; keys and shapes only. */
const FULL: Record<FamilyName, () => SynthModel> = {
  sd1: () =>
    synthModel("sd1", {
      unet: { ...SD_UNET, context_dim: 768 },
      clip: { hidden: 768, layers: 12, intermediate: 3072 },
    }),
  sd2: () =>
    synthModel("sd2", {
      unet: { ...SD_UNET, context_dim: 1024, use_linear_in_transformer: true },
      clip: { width: 1024, layers: 24, mlp: 4096 },
    }),
  sdxl: () =>
    synthModel("sdxl", {
      unet: {
        model_channels: 320,
        channel_mult: [1, 2, 4],
        transformer_depth: [0, 2, 10],
        middle_depth: 10,
        context_dim: 2048,
        adm_in_channels: 2816,
        use_linear_in_transformer: true,
      },
      clip_l: { hidden: 768, layers: 12, intermediate: 3072 },
      clip_g: { width: 1280, layers: 32, mlp: 5120, text_projection: [1280, 1280] },
    }),
};

export function fullSize(name: FamilyName): SynthModel {
  return FULL[name]();
}

/** Options from a case's network_dim, network_alpha and network_args record. */
export function optionsOf(
  dim: number | null,
  alpha: number | null,
  args: Record<string, string>,
  table: BlockTable,
): LoraOptions {
  const list = Object.entries(args).map(([key, value]) => `${key}=${value}`);
  return loraOptions({ dim, alpha, dropout: null, args: list }, table, true);
}

/** lora_down = synth.tensor(key), lora_up = float32(synth.tensor(key) * float32(factor)). */
export function ruleWeights(modules: readonly NetworkModule[], factor: number, tag = ""): LoraWeights {
  const weights: LoraWeights = new Map();
  for (const module of modules) {
    const { down, up } = keysOf(module);
    weights.set(down, synthTensor(tag + down, module.tensors[DOWN]));
    weights.set(up, synthTensor(tag + up, module.tensors[UP]).map((v) => v * Math.fround(factor)));
  }
  return weights;
}
