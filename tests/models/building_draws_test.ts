import assert from "node:assert/strict";
import { addedTokenDraws, buildingDraws } from "../../src/models/mod.ts";
import { type FamilyName, synthModel } from "../golden/synth_models.ts";

const UNET = { model_channels: 320, channel_mult: [1, 2, 4, 4], attention_resolutions: [4, 2, 1] };
const VAE = { ch: 128, ch_mult: [1, 2, 4, 4], num_res_blocks: 2, z_channels: 4 };
const TINY_UNET = { ...UNET, model_channels: 32, num_heads: 8, context_dim: 64 };
const TINY_VAE = { ...VAE, ch: 32 };
const SD2 = { unet: { ...UNET, context_dim: 1024, use_linear_in_transformer: true }, vae: VAE };
const SD2_CLIP = { hidden: 1024, intermediate: 4096 };

/** The first two were counted in the reference: bit for bit the same generator afterwards. */
const COUNTED: readonly [string, FamilyName, Parameters<typeof synthModel>[1], number][] = [
  [
    "sd1-tiny",
    "sd1",
    { unet: TINY_UNET, vae: TINY_VAE, clip: { hidden: 64, heads: 1, layers: 3, intermediate: 256 } },
    8585252 + 5242567 + 6630720,
  ],
  ["SDXL", "sdxl", { unet: UNET, vae: VAE, clip_l: SD2_CLIP, clip_g: SD2_CLIP }, 0],
  [
    "SD1.5",
    "sd1",
    { unet: { ...UNET, context_dim: 768 }, vae: VAE, clip: { hidden: 768, layers: 12, intermediate: 3072 } },
    859320644 + 83614183 + 245961216,
  ],
  ["SD2.1", "sd2", { ...SD2, clip: { ...SD2_CLIP, layers: 24 } }, 1629695787],
  [
    "SD2.1 without the layer that is not used",
    "sd2",
    { ...SD2, clip: { ...SD2_CLIP, layers: 23 } },
    1629695787,
  ],
];

Deno.test("buildingDraws() counts what the reference's models draw while they are built", () => {
  for (const [name, family, parts, draws] of COUNTED) {
    const model = synthModel(family, parts);
    assert.equal(buildingDraws(model, false), draws, name);
    assert.equal(buildingDraws(model, true) - draws, name === "sd1-tiny" ? 5242567 : 83614183, name);
  }
});

Deno.test("addedTokenDraws() counts what a table draws that transformers makes longer", () => {
  for (const [vocabulary, width, added, draws] of [[49408, 64, 3, 3162496], [1001, 20, 3, 20156]]) {
    assert.equal(addedTokenDraws({ key: "", vocabulary, width }, added), draws, `${vocabulary} x ${width}`);
  }
});
