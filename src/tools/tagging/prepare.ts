/** Pictures as taggers take them: a square of 448 pixels on white, blue first (sd-scripts' preprocess_image). */

import type { Task } from "../../base/workers/task.ts";
import { loadImage } from "../../images/load.ts";
import { resizeBilinear } from "../../images/resampling/bilinear.ts";
import { resizePillow } from "../../images/resampling/pillow.ts";
import type { Pixels } from "../../images/pixels.ts";
import { resizeArea } from "../../images/resampling/area.ts";
import { IMAGE_ERRORS } from "../../images/tasks.ts";

export interface TaggerPicture {
  /** The model's own side. Default 448. */
  readonly side?: number;
  /** As sd-scripts 0.9.1, which shrinks without averaging and forgets what is transparent. */
  readonly compat?: boolean;
}

export const tagTask: Task<{ path: string; options: TaggerPicture }, Float32Array<ArrayBuffer>> = {
  name: "prepare for a tagger",
  work: async ({ path, options }) =>
    prepareForTagger(await loadImage(path, { alpha: true, compat: options.compat }), options),
  errors: IMAGE_ERRORS,
};

/** (side, side, 3) float32 from 0 to 255, blue, green, red. `image`: three or four channels. */
export function prepareForTagger(
  image: Pixels,
  { side = 448, compat = false }: TaggerPicture,
): Float32Array<ArrayBuffer> {
  const square = onWhite(image, compat), from = square.width;
  const fitted = from <= side
    ? from === side ? square : resizePillow(square, side, side, "lanczos")
    : compat
    ? resizeBilinear(square, side, side)
    : resizeArea(square, side, side);
  return Float32Array.from({ length: side * side * 3 }, (_, i) => fitted.data[i - i % 3 + 2 - i % 3]);
}

/** In the middle of a white square; what is transparent is white too, with `compat` it is what lies beneath. */
function onWhite({ width, height, channels, data }: Pixels, compat: boolean): Pixels {
  const size = Math.max(width, height), left = (size - width) >> 1, top = (size - height) >> 1;
  const out = new Uint8Array(size * size * 3).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * channels, to = ((y + top) * size + x + left) * 3;
      const alpha = channels === 4 && !compat ? data[from + 3] / 255 : 1;
      for (let c = 0; c < 3; c++) out[to + c] = Math.round(data[from + c] * alpha + 255 * (1 - alpha));
    }
  }
  return { width: size, height: size, channels: 3, data: out };
}
