/** The numbers of `builtin:tiny`: the topology of SD1, narrow enough for two cores. */

import { sd1 } from "../../models/families/sd1.ts";
import { clipLShapes, UNET, unetShapes, VAE, vaeShapes } from "../../models/mod.ts";
import type { Shapes } from "../../models/mod.ts";

/**
 * No level is narrower than 96: there are 32 norm groups, and of flat colour a group of one channel keeps nothing, a group
 * of two no more than which is larger. 15 million weights, 30 MB in float16.
 */
export function tinyShapes(): Shapes {
  const { channels: latentChannels } = sd1.latent;
  const text = { width: 64, layers: 3, inner: 256, vocabulary: 49408, positions: 77, projection: 0 };
  const parts = [
    [
      UNET,
      unetShapes({
        inChannels: latentChannels,
        outChannels: latentChannels,
        channels: [96, 96, 128, 128],
        resBlocks: 1,
        depths: [1, 1, 1, 0],
        middleDepth: 1,
        contextWidth: text.width,
        linearProjection: false,
        vectorWidth: 0,
      }),
    ],
    [
      VAE,
      vaeShapes({ channels: [96, 96, 96, 96], resBlocks: 1, latentChannels, linearAttention: false }),
    ],
    [sd1.textEncoders[0].scope, clipLShapes({ layout: "clip_l", ...text })],
  ] as const;
  return new Map(
    parts.flatMap(([scope, shapes]) =>
      [...shapes].map(([key, shape]) => [`${scope}.${key}`, shape] as const)
    ),
  );
}
