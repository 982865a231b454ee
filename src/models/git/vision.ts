/** GIT's picture encoder: CLIP's ViT (arXiv 2103.00020) with all of its tokens. */

import {
  add,
  attention,
  broadcastTo,
  concat,
  conv2d,
  quickGelu,
  reshape,
  type Tensor,
} from "../../graph/mod.ts";
import { layerNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** pixels (N, H, W, 3) -> (N, 1 + patches, width). `w` is the scope `git.image_encoder.vision_model`. */
export function gitVision(pixels: Tensor, w: Weights, heads: number): Tensor {
  const embeddings = w.at("embeddings"), kernel = embeddings.tensor("patch_embedding.weight");
  const [width, , patch] = kernel.shape;
  const patches = conv2d(pixels, kernel, undefined, { stride: patch, pad: [0, 0, 0, 0] });
  const [n, rows, columns] = patches.shape, tokens = 1 + rows * columns;
  const first = broadcastTo(reshape(embeddings.tensor("class_embedding"), [1, 1, width]), [n, 1, width]);
  const all = concat([first, reshape(patches, [n, tokens - 1, width])], 1);
  const places = reshape(embeddings.tensor("position_embedding.weight"), [1, tokens, width]);
  let h = layerNorm(add(all, places), w.at("pre_layrnorm"));
  for (const layer of w.list("encoder.layers")) h = visionLayer(h, layer, heads);
  return layerNorm(h, w.at("post_layernorm"));
}

function visionLayer(x: Tensor, w: Weights, heads: number): Tensor {
  const normed = layerNorm(x, w.at("layer_norm1")), self = w.at("self_attn");
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(normed, self.at(name)));
  const h = add(x, linear(attention(q, k, v, { heads }), self.at("out_proj")));
  const inner = quickGelu(linear(layerNorm(h, w.at("layer_norm2")), w.at("mlp.fc1")));
  return add(h, linear(inner, w.at("mlp.fc2")));
}

/** Into the width of the text. `w` is the scope `git`. */
export function gitProjected(pictures: Tensor, w: Weights): Tensor {
  const projection = w.at("visual_projection.visual_projection");
  return layerNorm(linear(pictures, projection.at(0)), projection.at(1));
}
