/** From the encoder's 77-token chunks to the context of the U-Net, and prompt weights on the way. */

import { abs, cast, concat, div, mean, mul, reshape, slice, type Tensor } from "../../graph/mod.ts";

/** How tokens per chunk count: 77 with the begin and end tokens. */
export const CHUNK = 77;

/**
 * Training's way to join n chunks: the first begin token, the 75 tokens of each chunk, the last end token.
 * states (B * n, 77, D) -> (B, 75 * n + 2, D); one chunk stays as it is.
 */
export function trainingContext(states: Tensor, chunks: number): Tensor {
  const whole = generationContext(states, chunks);
  if (chunks === 1) return whole;
  const parts = [slice(whole, 1, 0, 1)];
  for (let i = 0; i < chunks; i++) parts.push(slice(whole, 1, i * CHUNK + 1, CHUNK - 2));
  parts.push(slice(whole, 1, chunks * CHUNK - 1, 1));
  return concat(parts, 1);
}

/** Generation's way: every chunk keeps its begin and end tokens. states (B * n, 77, D) -> (B, 77 * n, D). */
export function generationContext(states: Tensor, chunks: number): Tensor {
  const [rows, length, width] = states.shape;
  return chunks === 1 ? states : reshape(states, [rows / chunks, chunks * length, width]);
}

/** How a row is brought back to its size after weighting: by its mean, its mean of absolute values, or not. */
export type Normalization = "original" | "abs" | "none";

/**
 * Multiplies each token's state by its weight, then rescales every row of the batch by its mean before / after.
 * The mean is signed in "original", as everywhere in the field, although it can come near zero.
 * states (B, L, D), weights (B, L) f32 -> (B, L, D) in the states' dtype; the sums are float32.
 */
export function weighted(states: Tensor, weights: Tensor, normalization: Normalization = "original"): Tensor {
  const before = cast(states, "f32");
  const heavier = mul(before, reshape(cast(weights, "f32"), [...weights.shape, 1]));
  if (normalization === "none") return cast(heavier, states.dtype);
  const size = (x: Tensor) => reshape(mean(normalization === "abs" ? abs(x) : x, [1, 2]), [x.shape[0], 1, 1]);
  return cast(mul(heavier, div(size(before), size(heavier))), states.dtype);
}

/** The first row of each group of n: SDXL pools from the first chunk only. pooled (B * n, D) -> (B, D). */
export function firstChunks(pooled: Tensor, chunks: number): Tensor {
  if (chunks === 1) return pooled;
  const [rows, width] = pooled.shape;
  const grouped = reshape(pooled, [rows / chunks, chunks, width]);
  return reshape(slice(grouped, 1, 0, 1), [rows / chunks, width]);
}
