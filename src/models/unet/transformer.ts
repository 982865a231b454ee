/** The transformer of the U-Net: pixels attend to each other and to the text. */

import { add, attention, checkpoint, geglu, reshape, type Tensor } from "../../graph/mod.ts";
import { conv2d, groupNorm, layerNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

/**
 * GroupNorm (eps 1e-6), projection, `transformer_blocks`, projection, residual.
 * x (N, H, W, C), context (N, L, context width) -> (N, H, W, C).
 */
export function transformer(x: Tensor, context: Tensor, w: Weights, heads: number): Tensor {
  const [n, height, width] = x.shape;
  let h = project(groupNorm(x, w.at("norm"), 1e-6), w.at("proj_in"));
  const inner = h.shape[3];
  h = reshape(h, [n, height * width, inner]);
  for (const block of w.list("transformer_blocks")) {
    const input = h;
    h = checkpoint(w.graph, () => transformerBlock(input, context, block, heads));
  }
  return add(project(reshape(h, [n, height, width, inner]), w.at("proj_out")), x);
}

/** A 1x1 convolution in SD1 files, a linear layer in SD2's and SDXL's: the same sum. */
function project(x: Tensor, w: Weights): Tensor {
  return w.shape("weight").length === 4 ? conv2d(x, w) : linear(x, w);
}

/** Self-attention, attention to the context, gated feed-forward; each after a LayerNorm and with a residual. */
function transformerBlock(x: Tensor, context: Tensor, w: Weights, heads: number): Tensor {
  const self = layerNorm(x, w.at("norm1"));
  let h = add(multiHead(self, self, w.at("attn1"), heads), x);
  h = add(multiHead(layerNorm(h, w.at("norm2")), context, w.at("attn2"), heads), h);
  const gated = geglu(linear(layerNorm(h, w.at("norm3")), w.at("ff.net.0.proj")));
  return add(linear(gated, w.at("ff.net.2")), h);
}

/** Queries of x, keys and values of `context`, softmax(q k^T / sqrt(head width)) v. */
function multiHead(x: Tensor, context: Tensor, w: Weights, heads: number): Tensor {
  const q = linear(x, w.at("to_q")), k = linear(context, w.at("to_k")), v = linear(context, w.at("to_v"));
  return linear(attention(q, k, v, { heads }), w.at("to_out.0"));
}
