/** Stable Diffusion 1: CLIP-L alone, eight heads everywhere. */
import { sdBlocks } from "./blocks.ts";
import { normedText } from "./clip_text.ts";
import { sdFolder } from "./diffusers.ts";
import type { Family, TextEncoderPart } from "./family.ts";
import { CLIP_L, SD_UNET } from "./published_numbers.ts";
import { kl8, UNET_BEGINS, unetDenoiser } from "./unet_family.ts";

const clip: TextEncoderPart = {
  flags: ["clip_l", "text_encoder"],
  scope: "cond_stage_model.transformer.text_model",
  layout: "clip_l",
  tokenizer: "clip_l",
  usedLayers: (layers) => layers,
};

export const sd1: Family = {
  name: "sd1",
  label: "SD1",
  flag: "v1",
  holds: (any) => any(UNET_BEGINS) && any("cond_stage_model.transformer."),
  holdsUnet: ({ vectorWidth, linearProjection }) => vectorWidth === 0 && !linearProjection,
  holdsFolder: (textEncoders) => textEncoders === 1,
  strict: false,
  latent: kl8(0.18215),
  size: { multiple: 8, side: () => 512 },
  textEncoders: [clip],
  text: normedText(clip, { trainedLayer: (asked) => asked ?? 1, drawnLayer: 1, samplesPadWithEos: true }),
  sizes: null,
  ...unetDenoiser(() => 8),
  drawsWhenBuilt: true,
  published: {
    unet: {
      ...SD_UNET,
      ...{ contextWidth: 768, linearProjection: false },
    },
    text: [CLIP_L],
  },
  diffusers: sdFolder({ heads: () => 8, sampleSize: () => 64, unusedProjection: 768 }),
  sites: {
    originalNames: false,
    linearProjection: true,
    blocks: sdBlocks,
    keys: null,
    contextWidth: 768,
  },
  control: { diffusersNames: false, flaw: "skip" },
  spec: {
    baseModelVersion: (velocity) => `sd_v1${velocity ? "_v" : ""}`,
    architecture: () => "stable-diffusion-v1",
    loraImplementation: "diffusers",
    mergedVelocity: false,
  },
};
