/** SDXL's second conditioning: the pooled text and three sizes as sinusoids. */
import { reshape, type Tensor } from "../../graph/mod.ts";
import { timestepEmbedding } from "../unet/embedding.ts";
import { frequencies } from "../unet/frequencies.ts";

export interface Sizes {
  readonly originalHeight: number;
  readonly originalWidth: number;
  readonly cropTop: number;
  readonly cropLeft: number;
  readonly height: number;
  readonly width: number;
}

/** Numbers in `Sizes`, and sinusoids for each. */
const NUMBERS = 6, CHANNELS = 256;

/** Sinusoids in a graph: sizes (N, 6) -> (N, 1536) f32. */
export function sizeEmbedding(sizes: Tensor): Tensor {
  const [batch] = sizes.shape;
  return reshape(timestepEmbedding(reshape(sizes, [batch * NUMBERS]), CHANNELS), [batch, NUMBERS * CHANNELS]);
}

/** (pooled width + 6 * 256): the pooled text, then original size, crop and target size. */
export function sizedVector(pooled: Float32Array, sizes: Sizes): Float32Array {
  const { originalHeight, originalWidth, cropTop, cropLeft, height, width } = sizes;
  const numbers = [originalHeight, originalWidth, cropTop, cropLeft, height, width];
  const out = new Float32Array(pooled.length + numbers.length * CHANNELS);
  out.set(pooled);
  numbers.forEach((x, i) => out.set(sinusoids(x), pooled.length + i * CHANNELS));
  return out;
}

/** [cos | sin] of x * 10000^(-i / half). */
function sinusoids(x: number): Float32Array {
  const half = CHANNELS / 2, out = new Float32Array(CHANNELS);
  frequencies(half).forEach((frequency, i) => {
    const angle = Math.fround(x * frequency);
    out[i] = Math.cos(angle);
    out[half + i] = Math.sin(angle);
  });
  return out;
}
