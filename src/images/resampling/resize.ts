/**
 * How pictures come to their training size: the rule of sd-scripts 0.9.1, OpenCV's INTER_AREA for shrinking and Pillow's
 * LANCZOS for everything else, or one filter by name as in 0.10.1 (library/utils.py, resize_image()).
 */

import { resizeArea } from "./area.ts";
import { resizeBilinear, stretchArea } from "./bilinear.ts";
import { resizeCubic } from "./cubic.ts";
import { resizeNearest } from "./nearest.ts";
import { resizePillow } from "./pillow.ts";
import type { Pixels } from "../pixels.ts";

type Resize = (image: Pixels, width: number, height: number) => Pixels;

const area: Resize = (image, width, height) =>
  image.width >= width && image.height >= height
    ? resizeArea(image, width, height)
    : stretchArea(image, width, height);

/** OpenCV takes halves by area, where both are the same but for rounding. */
const linear: Resize = (image, width, height) =>
  image.width === 2 * width && image.height === 2 * height
    ? resizeArea(image, width, height)
    : resizeBilinear(image, width, height);

const FILTERS = {
  lanczos: (image, width, height) => resizePillow(image, width, height, "lanczos"),
  nearest: resizeNearest,
  bilinear: linear,
  linear,
  bicubic: resizeCubic,
  cubic: resizeCubic,
  area,
  box: (image, width, height) => resizePillow(image, width, height, "box"),
} as const satisfies Readonly<Record<string, Resize>>;

export type Interpolation = keyof typeof FILTERS;

export const INTERPOLATIONS = Object.keys(FILTERS) as readonly Interpolation[];

/** Scales by the filter; without one as sd-scripts 0.9.1 does: by area when both sides shrink, else Lanczos. */
export function resize(
  image: Pixels,
  width: number,
  height: number,
  interpolation: Interpolation | null = null,
): Pixels {
  if (image.width === width && image.height === height) return image;
  const both = image.width > width && image.height > height;
  return FILTERS[interpolation ?? (both ? "area" : "lanczos")](image, width, height);
}
