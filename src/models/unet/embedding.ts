/** How a U-Net knows the time: sinusoids of the timestep through a small network. */

import { concat, cos, mul, reshape, silu, sin, type Tensor } from "../../graph/mod.ts";
import { linear, toCompute } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { frequencies } from "./frequencies.ts";

/**
 * [cos | sin] of t * 10000^(-i / half), in float32 whatever the compute dtype, since bfloat16 cannot tell 999 from 1000.
 * timesteps (N) f32 -> (N, channels) f32.
 */
export function timestepEmbedding(timesteps: Tensor, channels: number): Tensor {
  const half = channels / 2;
  const angles = mul(
    reshape(timesteps, [timesteps.shape[0], 1]),
    timesteps.graph.constant(frequencies(half), [1, half]),
  );
  return concat([cos(angles), sin(angles)], 1);
}

/** linear, SiLU, linear: the layers `0` and `2` of time_embed and of SDXL's label_emb.0. */
export function embeddingNetwork(x: Tensor, w: Weights): Tensor {
  return linear(silu(linear(toCompute(x, w), w.at(0))), w.at(2));
}
