/** The blocks that encoder and decoder share. Activations are (N, H, W, C). */

import { add, attention, reshape, silu, type Tensor } from "../../graph/mod.ts";
import { conv2d, groupNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** Of every group norm of an autoencoder. */
export const NORM_EPS = 1e-6;

/** How activations are normalised, `w` being the norm's place: by themselves, or by statistics of more than is there. */
export type Norm = (x: Tensor, w: Weights) => Tensor;

export const normOfItself: Norm = (x, w) => groupNorm(x, w, NORM_EPS);

export interface VaeOptions {
  /**
   * False leaves the middle's attention result away (the residual stays), as sd-scripts' gen_img does by
   * mistake with its default attention: only for reproducing its pictures. Default true.
   */
  attention?: boolean;
}

/** norm, SiLU, conv, twice, and a residual. x (N, H, W, C_in) -> (N, H, W, C_out). */
export function resnet(x: Tensor, w: Weights, norm = normOfItself): Tensor {
  const h = conv2d(silu(norm(resnetMiddle(x, w, norm), w.at("norm2"))), w.at("conv2"));
  return add(w.has("nin_shortcut") ? conv2d(x, w.at("nin_shortcut")) : x, h);
}

/** What the second norm of a resnet sees. */
export function resnetMiddle(x: Tensor, w: Weights, norm: Norm): Tensor {
  return conv2d(silu(norm(x, w.at("norm1"))), w.at("conv1"));
}

/** resnet, attention over all pixels, resnet. */
export function middle(x: Tensor, w: Weights, options: VaeOptions): Tensor {
  let h = resnet(x, w.at("block_1"));
  h = pixelAttention(h, w.at("attn_1"), options.attention ?? true);
  return resnet(h, w.at("block_2"));
}

/** One head as wide as the channels; q, k, v and proj_out are 1x1 convolutions or linear layers, by the file. */
function pixelAttention(x: Tensor, w: Weights, attend: boolean): Tensor {
  const [n, height, width, channels] = x.shape;
  const tokens = reshape(normOfItself(x, w.at("norm")), [n, height * width, channels]);
  const mixed = attend
    ? attention(linear(tokens, w.at("q")), linear(tokens, w.at("k")), linear(tokens, w.at("v")), { heads: 1 })
    : tokens;
  return add(x, reshape(linear(mixed, w.at("proj_out")), x.shape));
}

/** norm, SiLU, conv to the output's channels. */
export function head(x: Tensor, w: Weights, norm = normOfItself): Tensor {
  return conv2d(silu(norm(x, w.at("norm_out"))), w.at("conv_out"));
}
