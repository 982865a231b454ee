/** Stable Diffusion 2: OpenCLIP ViT-H, heads of 64 channels; models for 768 pixels predict velocity. */
import { sdBlocks } from "./blocks.ts";
import { normedText } from "./clip_text.ts";
import { sdFolder } from "./diffusers.ts";
import type { Family, TextEncoderPart } from "./family.ts";
import { openClipOf, SD_UNET } from "./published_numbers.ts";
import { heads64, kl8, UNET_BEGINS, unetDenoiser } from "./unet_family.ts";

/** Layers of the encoder in newer files, which leave away the one that was never used. */
const NEWER = 23;

const openClip: TextEncoderPart = {
  flags: ["text_encoder"],
  scope: "cond_stage_model.model",
  layout: "open_clip",
  tokenizer: "clip_h",
  usedLayers: (layers) => layers === NEWER ? layers : layers - 1,
};

export const sd2: Family = {
  name: "sd2",
  label: "SD2",
  flag: "v2",
  holds: (any) => any(UNET_BEGINS) && any("cond_stage_model.model."),
  holdsUnet: ({ vectorWidth, linearProjection }) => vectorWidth === 0 && linearProjection,
  holdsFolder: (textEncoders, { hidden_act: act, hidden_size: width }) =>
    textEncoders === 1 && (act === "gelu" || (act === undefined && width === 1024)),
  strict: false,
  latent: kl8(0.18215),
  size: { multiple: 8, side: (velocity) => velocity ? 768 : 512 },
  textEncoders: [openClip],
  text: normedText(openClip, { trainedLayer: (asked) => asked ?? 1, drawnLayer: 2, samplesPadWithEos: true }),
  sizes: null,
  ...unetDenoiser(heads64),
  drawsWhenBuilt: true,
  published: {
    unet: { ...SD_UNET, ...{ contextWidth: 1024, linearProjection: true } },
    text: [openClipOf({ width: 1024, layers: 24 })],
  },
  diffusers: sdFolder({
    heads: (channels) => channels.map(heads64),
    sampleSize: (velocity) => velocity ? 96 : 64,
    unusedProjection: 512,
  }),
  sites: {
    originalNames: false,
    linearProjection: false,
    blocks: sdBlocks,
    keys: null,
    contextWidth: 1024,
  },
  control: { diffusersNames: false, flaw: "skip" },
  spec: {
    baseModelVersion: (velocity) => `sd_v2${velocity ? "_v" : ""}`,
    architecture: (velocity) => `stable-diffusion-v2-${velocity ? "768-v" : "512"}`,
    loraImplementation: "diffusers",
    mergedVelocity: true,
  },
};
