/** What an inpainting model sees beside the noisy latents: a random mask for each picture, and the picture without what it hides. */
import { UserError } from "../../base/errors.ts";
import type { Batch } from "../../data/mod.ts";
import { randomMask } from "../../images/random_mask.ts";
import { PythonRandom } from "../../random/mod.ts";
import type { LatentEncoder } from "../objective/latents.ts";

/** The input of mask and hidden picture, (N, h, w, 1 + C). */
export const PAINTED = "painted";

/** Which batch of a run it is: its epoch, counted from 1, or 0 for what is held out; and its number there. */
export type BatchPlace = readonly [epoch: number, number: number];

/** A generator for the masks of one batch alone, so that no other draw depends on them and a resumed run has the same. */
export function maskGenerator(seed: number, [epoch, number]: BatchPlace): PythonRandom {
  return new PythonRandom(BigInt(seed) << 64n | BigInt(epoch) << 32n | BigInt(number));
}

/**
 * For each picture the mask, 1 where it is hidden, at the latents' size as its nearest pixels say; and `scale` times the mean
 * latents of the picture with that made grey, as gen_img shows it: (N, h, w, 1 + C). Throws UserError where there are no pictures.
 */
export async function paintedInput(
  { pixels, captions, imagePaths, bucket: [width, height] }: Batch,
  encoder: LatentEncoder,
  scale: number,
  random: PythonRandom,
): Promise<Float32Array> {
  if (!pixels) {
    throw new UserError(
      `${
        imagePaths[0]
      }: has cached latents, and --train_inpainting hides parts of the picture itself; remove the .npz file`,
    );
  }
  const count = captions.length, masks = captions.map(() => randomMask(width, height, random));
  const area = width * height;
  const shown = pixels.map((x, i) => {
    const pixel = Math.floor(i / 3);
    return masks[Math.floor(pixel / area)][pixel % area] ? 0 : x;
  });
  const { latents, channels, height: h, width: w } = await encoder.encode(shown, count, height, width, null);
  const { factor } = encoder.latent, out = new Float32Array(count * h * w * (1 + channels));
  for (let place = 0, at = 0; place < count * h * w; place++) {
    const x = place % w, y = Math.floor(place / w) % h;
    out[at++] = masks[Math.floor(place / (h * w))][factor * (y * width + x)];
    for (let c = 0; c < channels; c++) out[at++] = scale * latents[place * channels + c];
  }
  return out;
}
