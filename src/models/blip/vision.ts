/** BLIP's picture encoder: a ViT (arXiv 2010.11929) in timm's layout. */

import {
  add,
  attention,
  broadcastTo,
  concat,
  gelu,
  layerNorm,
  reshape,
  slice,
  type Tensor,
} from "../../graph/mod.ts";
import { conv2d, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** pixels (N, H, W, 3) -> (N, 1 + patches, width). `w` is the scope `visual_encoder`. */
export function blipVision(pixels: Tensor, w: Weights, heads: number): Tensor {
  const projection = w.at("patch_embed.proj"), [width, , patch] = projection.shape("weight");
  const patches = conv2d(pixels, projection, { stride: patch, pad: [0, 0, 0, 0] });
  const [n, rows, columns] = patches.shape;
  const token = broadcastTo(w.tensor("cls_token"), [n, 1, width]);
  let h = concat([token, reshape(patches, [n, rows * columns, width])], 1);
  h = add(h, w.tensor("pos_embed"));
  for (const block of w.list("blocks")) h = vitBlock(h, block, heads);
  return norm(h, w.at("norm"));
}

function vitBlock(x: Tensor, w: Weights, heads: number): Tensor {
  const width = x.shape[2], fused = linear(norm(x, w.at("norm1")), w.at("attn.qkv"));
  const [q, k, v] = [0, 1, 2].map((part) => slice(fused, 2, part * width, width));
  const h = add(x, linear(attention(q, k, v, { heads }), w.at("attn.proj")));
  return add(h, linear(gelu(linear(norm(h, w.at("norm2")), w.at("mlp.fc1"))), w.at("mlp.fc2")));
}

function norm(x: Tensor, w: Weights): Tensor {
  const { weight, bias } = w.norm();
  return layerNorm(x, weight, bias, { eps: 1e-6 });
}
