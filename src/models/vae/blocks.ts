/** The blocks that encoder and decoder share. Activations are (N, H, W, C). */

import { add, attention, reshape, silu, type Tensor } from "../../graph/mod.ts";
import { conv2d, groupNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

const EPS = 1e-6;

export interface VaeOptions {
  /**
   * False leaves the middle's attention result away (the residual stays), as sd-scripts' gen_img does by
   * mistake with its default attention: only for reproducing its pictures. Default true.
   */
  attention?: boolean;
}

/** norm, SiLU, conv, twice, and a residual. x (N, H, W, C_in) -> (N, H, W, C_out). */
export function resnet(x: Tensor, w: Weights): Tensor {
  let h = conv2d(silu(groupNorm(x, w.at("norm1"), EPS)), w.at("conv1"));
  h = conv2d(silu(groupNorm(h, w.at("norm2"), EPS)), w.at("conv2"));
  return add(w.has("nin_shortcut") ? conv2d(x, w.at("nin_shortcut")) : x, h);
}

/** The resnets of one resolution. */
export function resnets(x: Tensor, w: Weights): Tensor {
  return w.list("block").reduce(resnet, x);
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
  const tokens = reshape(groupNorm(x, w.at("norm"), EPS), [n, height * width, channels]);
  const mixed = attend
    ? attention(linear(tokens, w.at("q")), linear(tokens, w.at("k")), linear(tokens, w.at("v")), { heads: 1 })
    : tokens;
  return add(x, reshape(linear(mixed, w.at("proj_out")), x.shape));
}

/** norm, SiLU, conv to the output's channels. */
export function head(x: Tensor, w: Weights): Tensor {
  return conv2d(silu(groupNorm(x, w.at("norm_out"), EPS)), w.at("conv_out"));
}
