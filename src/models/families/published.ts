/** The published model of a family as keys and shapes: what a file that names no model is most likely for. */
import { clipLShapes, openClipShapes } from "../clip/shapes.ts";
import { unetShapes } from "../unet/shapes.ts";
import type { Shapes } from "../weights.ts";
import { type Family, UNET } from "./family.ts";

/** Denoiser and text encoders under the checkpoint's keys. */
export function publishedShapes({ published, textEncoders }: Family): Shapes {
  const parts = [
    ...textEncoders.map(({ scope, layout }, i) =>
      [scope, (layout === "clip_l" ? clipLShapes : openClipShapes)(published.text[i])] as const
    ),
    [UNET, unetShapes(published.unet)] as const,
  ];
  return new Map(
    parts.flatMap(([scope, shapes]) =>
      [...shapes].map(([key, shape]) => [`${scope}.${key}`, shape] as const)
    ),
  );
}
