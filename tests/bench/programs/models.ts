/** The models that are measured, at their real sizes or tiny ones. */

import {
  clipLShapes,
  type Family,
  familyNamed,
  openClipShapes,
  type Shapes,
  UNET,
  type UnetConfig,
  unetShapes,
  VAE,
  vaeShapes,
} from "../../../src/models/mod.ts";
import { uniform } from "../../golden/synth.ts";
import { tiny } from "../options.ts";

export interface Model {
  readonly name: string;
  readonly family: Family;
  /** Latents on a side. */
  readonly size: number;
  readonly unet: UnetConfig;
}

const common = { inChannels: 4, outChannels: 4, resBlocks: tiny ? 1 : 2 };
const SD15 = { ...common, linearProjection: false, vectorWidth: 0, middleDepth: 1 };
const SDXL = { ...common, linearProjection: true };

const FULL: readonly Model[] = [
  {
    name: "sd15",
    family: familyNamed("sd1")!,
    size: 64,
    unet: { ...SD15, channels: [320, 640, 1280, 1280], depths: [1, 1, 1, 0], contextWidth: 768 },
  },
  {
    name: "sdxl",
    family: familyNamed("sdxl")!,
    size: 128,
    unet: {
      ...SDXL,
      channels: [320, 640, 1280],
      depths: [0, 2, 10],
      middleDepth: 10,
      contextWidth: 2048,
      vectorWidth: 2816,
    },
  },
];
const TINY: readonly Model[] = [
  {
    name: "sd15",
    family: familyNamed("sd1")!,
    size: 8,
    unet: { ...SD15, channels: [32, 64], depths: [1, 1], contextWidth: 64 },
  },
  {
    name: "sdxl",
    family: familyNamed("sdxl")!,
    size: 16,
    unet: { ...SDXL, channels: [64, 128], depths: [0, 1], middleDepth: 1, contextWidth: 64, vectorWidth: 32 },
  },
];
export const MODELS: ReadonlyMap<string, Model> = new Map((tiny ? TINY : FULL).map((m) => [m.name, m]));

const AUTOENCODER = {
  channels: tiny ? [32, 32, 32, 32] : [128, 256, 512, 512],
  resBlocks: tiny ? 1 : 2,
  latentChannels: 4,
  linearAttention: false,
};
const CLIP = { positions: 77, projection: 0, vocabulary: 49408 }; // whole, for real prompts
const CLIP_L = tiny
  ? { ...CLIP, layout: "clip_l" as const, width: 64, layers: 2, inner: 128 }
  : { ...CLIP, layout: "clip_l" as const, width: 768, layers: 12, inner: 3072 };
const OPEN_CLIP = tiny
  ? { ...CLIP, layout: "open_clip" as const, width: 64, layers: 2, inner: 128, projection: 64 }
  : { ...CLIP, layout: "open_clip" as const, width: 1280, layers: 32, inner: 5120, projection: 1280 };

const below = (scope: string, shapes: Shapes): Map<string, readonly number[]> =>
  new Map([...shapes].map(([key, shape]) => [`${scope}.${key}`, shape]));

/** Each part's tensors under a checkpoint's keys. */
export const parts: Record<"unet" | "vae" | "text", (model: Model) => Map<string, readonly number[]>> = {
  unet: ({ unet }) => below(UNET, unetShapes(unet)),
  vae: () => below(VAE, vaeShapes(AUTOENCODER)),
  text: ({ family }) =>
    new Map(family.textEncoders.flatMap(({ scope, layout }) => [
      ...below(scope, layout === "clip_l" ? clipLShapes(CLIP_L) : openClipShapes(OPEN_CLIP)),
    ])),
};

export const numbers = (name: string, n: number): Float32Array => uniform(`bench.${name}`, n);

/** What the U-Net is asked: random latents, timesteps spread over the schedule, a random context. */
export function unetValues({ size, unet: { contextWidth, vectorWidth } }: Model, batch: number) {
  return {
    x: numbers("x", batch * size * size * 4),
    t: Float32Array.from({ length: batch }, (_, i) => 100 + 200 * i),
    context: numbers("context", batch * 77 * contextWidth),
    ...(vectorWidth ? { vector: numbers("vector", batch * vectorWidth) } : {}),
  };
}
