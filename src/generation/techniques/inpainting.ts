/**
 * Inpainting as gen_img.py does it: after each step the kept part is put back with the noise of that step; and what an
 * inpainting model is shown of it besides.
 */

import { joined } from "../../base/joined.ts";
import type { Pixels } from "../../images/pixels.ts";
import { resizePillow } from "../../images/resampling/pillow.ts";
import { bicubicWeights, interpolatedValues, type LatentShape, latentShape } from "../../models/mod.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { fromBytes } from "../pictures/pixels.ts";
import type { Sampler } from "../samplers/mod.ts";

/**
 * The input of an inpainting model beside the noisy latents, as diffusers' StableDiffusionInpaintPipeline makes it: the
 * mask, 1 where it is light and drawn anew, and the latents of the picture with that made grey: (N, h, w, 1 + C). Their
 * mean is taken, no noise is drawn. Without a mask all is drawn anew.
 */
export async function paintedInputs(
  pipeline: Pipeline,
  { images, masks }: { images: readonly Pixels[] | null; masks?: readonly Pixels[] | null },
  shape: LatentShape,
): Promise<Float32Array> {
  const { factor } = pipeline.model.family.latent, { batch, channels, height, width } = shape;
  const size = { width: factor * width, height: factor * height },
    one = latentShape({ channels, factor }, 1, size);
  const parts: Float32Array[] = [];
  for (let i = 0; i < batch; i++) {
    const mask = masks
      ? light(resizePillow(masks[i], size.width, size.height, "bilinear"))
      : new Uint8Array(size.width * size.height).fill(1);
    const kept = new Float32Array(mask.length * 3);
    if (masks && images) {
      const image = resizePillow(images[i], size.width, size.height, "lanczos");
      fromBytes(image).forEach((x, k) => kept[k] = mask[Math.floor(k / 3)] ? 0 : x);
    }
    const latents = await pipeline.encode(kept, new Float32Array(height * width * channels), one);
    parts.push(Float32Array.from({ length: height * width * (1 + channels) }, (_, k) => {
      const place = Math.floor(k / (1 + channels)), channel = k % (1 + channels);
      const y = Math.floor(place / width), x = place % width;
      return channel === 0 ? mask[factor * (y * size.width + x)] : latents[place * channels + channel - 1];
    }));
  }
  return joined(Float32Array, parts);
}

/** The same for each size that latents have on the way (Gradual Latent), each made once. */
export function paintedBySize(
  pipeline: Pipeline,
  pictures: Parameters<typeof paintedInputs>[1],
): (shape: LatentShape) => Promise<Float32Array> {
  const made = new Map<string, Promise<Float32Array>>();
  return (shape) => {
    const key = `${shape.height} ${shape.width}`, known = made.get(key);
    if (known) return known;
    const inputs = paintedInputs(pipeline, pictures, shape);
    made.set(key, inputs);
    return inputs;
  };
}

/**
 * Puts back what the masks keep, with the noise of the evaluation just made. Latents smaller than `full` get what Gradual
 * Latent makes of the picture's latents and of their noise.
 */
export function keeping(
  sampler: Sampler,
  original: { readonly latents: Float32Array; readonly noise: Float32Array },
  masks: readonly Pixels[],
  full: LatentShape,
): (i: number, latents: Float32Array, shape: LatentShape) => Float32Array {
  const made = new Map<string, { clean: Float32Array; noise: Float32Array; kept: Float32Array }>();
  const sized = (shape: LatentShape) => {
    const { batch, height, width, channels } = full;
    const small = (values: Float32Array) =>
      height === shape.height && width === shape.width ? values : interpolatedValues(
        values,
        [batch, height, width, channels],
        bicubicWeights(height, shape.height),
        bicubicWeights(width, shape.width),
      );
    const kept = joined(Float32Array, masks.map((mask) => keptShares(mask, shape)));
    return { clean: small(original.latents), noise: small(original.noise), kept };
  };
  return (i, latents, shape) => {
    const key = `${shape.height} ${shape.width}`, of = made.get(key) ?? sized(shape);
    made.set(key, of);
    return putBack(latents, sampler.addNoise(of.clean, of.noise, i), of.kept);
  };
}

/** 1 where a mask is light, 0 where it is dark. */
function light(mask: Pixels): Uint8Array {
  const { data } = luminance(mask);
  return Uint8Array.from({ length: data.length / 3 }, (_, i) => Number(data[3 * i] >= 128));
}

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
