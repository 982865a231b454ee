/** Stable Diffusion XL: CLIP-L and OpenCLIP bigG side by side; pooled text and sizes are a second conditioning. */
import { sdxlBlocks } from "./blocks.ts";
import { joinedText } from "./clip_text.ts";
import { sdxlFolder } from "./diffusers.ts";
import type { Family, TextEncoderPart } from "./family.ts";
import { CLIP_L, openClipOf, SD_UNET } from "./published_numbers.ts";
import { sizedVector, sizeEmbedding } from "./sizes.ts";
import { heads64, kl8, UNET_BEGINS, unetDenoiser } from "./unet_family.ts";

const encoders: readonly TextEncoderPart[] = [
  {
    flags: ["clip_l"],
    scope: "conditioner.embedders.0.transformer.text_model",
    layout: "clip_l",
    tokenizer: "clip_l",
    usedLayers: (layers) => layers,
  },
  {
    flags: ["clip_g"],
    scope: "conditioner.embedders.1.model",
    layout: "open_clip",
    tokenizer: "clip_g",
    usedLayers: (layers) => layers,
  },
];

export const sdxl: Family = {
  name: "sdxl",
  label: "SDXL",
  flag: "sdxl",
  holds: (any) => any(UNET_BEGINS) && any("conditioner.embedders.1."),
  holdsUnet: ({ vectorWidth }) => vectorWidth > 0,
  holdsFolder: (textEncoders) => textEncoders === 2,
  strict: true,
  latent: kl8(0.13025),
  size: { multiple: 8, side: () => 1024 },
  textEncoders: encoders,
  // the reference does not look at clip_skip when it trains SDXL
  text: joinedText(encoders, { trainedLayer: () => 2, drawnLayer: 2, samplesPadWithEos: false }),
  sizes: { vector: sizedVector, embedding: sizeEmbedding },
  ...unetDenoiser(heads64, "block"),
  drawsWhenBuilt: false, // without memory
  published: {
    unet: {
      ...SD_UNET,
      ...{ channels: [320, 640, 1280], depths: [0, 2, 10], middleDepth: 10 },
      ...{ contextWidth: 2048, linearProjection: true, vectorWidth: 2816 },
    },
    text: [CLIP_L, openClipOf({ width: 1280, layers: 32 })],
  },
  diffusers: sdxlFolder(heads64),
  sites: {
    originalNames: true,
    linearProjection: true,
    blocks: sdxlBlocks,
    keys: /^lora_te[12]_|^text_encoder_2\.|^lora_unet_(input|output)_blocks/,
    contextWidth: 2048,
  },
  control: { diffusersNames: true, flaw: "shared" },
  spec: {
    baseModelVersion: () => "sdxl_base_v1-0",
    architecture: () => "stable-diffusion-xl-v1-base",
    loraImplementation: "https://github.com/Stability-AI/generative-models",
    mergedVelocity: false,
  },
};
