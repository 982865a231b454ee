/** Inpainting as gen_img.py does it: after each step the kept part is put back with the noise of that step. */

import type { Pixels } from "../../images/pixels.ts";
import { resizePillow } from "../../images/resampling/pillow.ts";
import type { LatentShape } from "../../models/mod.ts";

/** How much of each latent pixel is kept, (h, w): 0 where the mask is white and drawn anew, 1 where it is black. */
export function keptShares(mask: Pixels, { height, width }: LatentShape): Float32Array {
  const { data } = resizePillow(luminance(mask), width, height, "bilinear");
  return Float32Array.from({ length: width * height }, (_, i) => 1 - Math.fround(data[3 * i] / 255));
}

/** Pillow's convert("L"), three times. */
function luminance({ width, height, channels, data }: Pixels): Pixels {
  const out = new Uint8Array(width * height * 3);
  for (let i = 0, k = 0; i < out.length; i += 3, k += channels) {
    out.fill((data[k] * 19595 + data[k + 1] * 38470 + data[k + 2] * 7471 + 0x8000) >> 16, i, i + 3);
  }
  return { width, height, channels: 3, data: out };
}

/** Latents (N, h, w, C) where `kept` (N, h, w) of the original's are left. */
export function putBack(latents: Float32Array, original: Float32Array, kept: Float32Array): Float32Array {
  const channels = latents.length / kept.length;
  return latents.map((x, i) => {
    const share = kept[Math.floor(i / channels)];
    return original[i] * share + x * (1 - share);
  });
}
