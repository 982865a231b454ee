/** Pictures that are cut to their bucket, as latents to keep. */

import { UserError } from "../../base/errors.ts";
import { flip, type Pixels } from "../../images/pixels.ts";
import type { Size } from "../batches/buckets.ts";
import { alphaMask, type Fitted, writeNormalized } from "../batches/prepare.ts";
import type { CachedLatents } from "../dataset/entries.ts";

/**
 * The VAE's encoder, with sampling: pixels (count, height, width, 3) in [-1, 1] to latents (count, h, w,
 * channels), not multiplied by the VAE's scale.
 */
export type Encode = (pixels: Float32Array, count: number, height: number, width: number) => Promise<Encoded>;

export interface Encoded {
  readonly latents: Float32Array;
  readonly channels: number;
  /** Of each picture's latents. */
  readonly height: number;
  readonly width: number;
}

export interface EncodeOptions {
  readonly encode: Encode;
  /** Mirrored pictures too, in a call of their own. */
  readonly flips: boolean;
  /** Keep their alpha. */
  readonly alphaMask: boolean;
}

/** Pictures of one bucket in one call. Throws UserError naming the first of `paths` with a latent that is no number. */
export async function encodeFitted(
  fitted: readonly Fitted[],
  paths: readonly string[],
  bucket: Size,
  options: EncodeOptions,
): Promise<CachedLatents[]> {
  const images = fitted.map(({ image }) => image), count = images.length;
  const plain = await encodeImages(images, bucket, options.encode);
  const mirrored = options.flips ? await encodeImages(images.map(flip), bucket, options.encode) : null;
  return fitted.map(({ image, originalSize, cropBox }, i) => {
    const cached: CachedLatents = {
      ...plain,
      latents: part(plain.latents, i, count),
      flipped: mirrored && part(mirrored.latents, i, count),
      alphaMask: options.alphaMask ? alphaMask(image) : null,
      ...{ originalSize, cropBox },
    };
    refuseNaN(cached, paths[i]);
    return cached;
  });
}

async function encodeImages(images: readonly Pixels[], [width, height]: Size, encode: Encode) {
  const size = width * height * 3, pixels = new Float32Array(size * images.length);
  images.forEach((image, i) => writeNormalized(image, pixels, i * size));
  return await encode(pixels, images.length, height, width);
}

/** A copy, so that one image does not hold the memory of its batch. */
function part(data: Float32Array, index: number, count: number): Float32Array {
  const size = data.length / count;
  return data.slice(index * size, (index + 1) * size);
}

function refuseNaN({ latents, flipped }: CachedLatents, path: string): void {
  if (latents.every(Number.isFinite) && (flipped ?? latents).every(Number.isFinite)) return;
  throw new UserError(`${path}: the VAE gives latents that are no numbers; use --no_half_vae or another VAE`);
}
