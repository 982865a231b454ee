/** Numbers that the published models of several families share. */
import type { ClipConfig } from "../clip/shapes.ts";
import type { UnetConfig } from "../unet/shapes.ts";

/** The U-Net of SD1 and SD2, but for what they read text with. */
export const SD_UNET: Omit<UnetConfig, "contextWidth" | "linearProjection"> = {
  ...{ inChannels: 4, outChannels: 4, channels: [320, 640, 1280, 1280], resBlocks: 2 },
  ...{ depths: [1, 1, 1, 0], middleDepth: 1, vectorWidth: 0 },
};

const TOKENS = { vocabulary: 49408, positions: 77 };

/** OpenAI's ViT-L/14. */
export const CLIP_L: ClipConfig = {
  ...{ layout: "clip_l", width: 768, layers: 12, inner: 3072, projection: 0 },
  ...TOKENS,
};

/** OpenCLIP's ViT-H/14 and ViT-bigG/14. */
export function openClipOf({ width, layers }: Pick<ClipConfig, "width" | "layers">): ClipConfig {
  return { layout: "open_clip", width, layers, inner: 4 * width, projection: width, ...TOKENS };
}
