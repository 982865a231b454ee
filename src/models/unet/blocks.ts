/** The convolutional blocks of the U-Net. Activations are (N, H, W, C). */

import { add, reshape, silu, type Tensor, upsampleNearest } from "../../graph/mod.ts";
import { conv2d, groupNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

const EPS = 1e-5;

/**
 * GroupNorm, SiLU, conv, twice; the time joins between, a skip runs around.
 * x (N, H, W, C_in), time (N, 4 * model channels) already through SiLU -> (N, H, W, C_out).
 */
export function resnet(x: Tensor, time: Tensor, w: Weights): Tensor {
  let h = conv2d(silu(groupNorm(x, w.at("in_layers.0"), EPS)), w.at("in_layers.2"));
  h = add(h, overPixels(linear(time, w.at("emb_layers.1"))));
  h = conv2d(silu(groupNorm(h, w.at("out_layers.0"), EPS)), w.at("out_layers.3"));
  return add(w.has("skip_connection") ? conv2d(x, w.at("skip_connection")) : x, h);
}

/** (N, C) -> (N, 1, 1, C), which broadcasts over pixels. */
function overPixels(x: Tensor): Tensor {
  return reshape(x, [x.shape[0], 1, 1, x.shape[1]]);
}

/** Halves height and width, rounding up. */
export function downsample(x: Tensor, w: Weights): Tensor {
  return conv2d(x, w.at("op"), { stride: 2 });
}

/** Nearest neighbour to the size of the skip that comes next, then a convolution. */
export function upsample(x: Tensor, w: Weights, height: number, width: number): Tensor {
  return conv2d(upsampleNearest(x, height, width), w.at("conv"));
}

/** The head: GroupNorm, SiLU, conv to the latent's channels. */
export function head(x: Tensor, w: Weights): Tensor {
  return conv2d(silu(groupNorm(x, w.at(0), EPS)), w.at(2));
}
