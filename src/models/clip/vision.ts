/** CLIP's picture encoder: a ViT (arXiv 2103.00020), in transformers' layout. */

import {
  add,
  attention,
  broadcastTo,
  concat,
  conv2d,
  gelu,
  quickGelu,
  reshape,
  slice,
  type Tensor,
} from "../../graph/mod.ts";
import { layerNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

export interface VisionTower {
  readonly heads: number;
  /** The feed-forward's GELU: OpenAI's sigmoid, or the error function's of laion's models. */
  readonly activation: "quick_gelu" | "gelu";
}

/** pixels (N, H, W, 3) -> (N, 1 + patches, width), before the last norm. `w` is the scope `vision_model`. */
export function clipVision(pixels: Tensor, w: Weights, tower: VisionTower): Tensor {
  const embeddings = w.at("embeddings"), kernel = embeddings.tensor("patch_embedding.weight");
  const [width, , patch] = kernel.shape;
  const patches = conv2d(pixels, kernel, undefined, { stride: patch, pad: [0, 0, 0, 0] });
  const [n, rows, columns] = patches.shape, tokens = 1 + rows * columns;
  const first = broadcastTo(reshape(embeddings.tensor("class_embedding"), [1, 1, width]), [n, 1, width]);
  const all = concat([first, reshape(patches, [n, tokens - 1, width])], 1);
  const places = reshape(embeddings.tensor("position_embedding.weight"), [1, tokens, width]);
  let h = layerNorm(add(all, places), w.at("pre_layrnorm"));
  for (const layer of w.list("encoder.layers")) h = visionLayer(h, layer, tower);
  return h;
}

function visionLayer(x: Tensor, w: Weights, { heads, activation }: VisionTower): Tensor {
  const normed = layerNorm(x, w.at("layer_norm1")), self = w.at("self_attn");
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(normed, self.at(name)));
  const h = add(x, linear(attention(q, k, v, { heads }), self.at("out_proj")));
  const bend = activation === "gelu" ? gelu : quickGelu;
  return add(h, linear(bend(linear(layerNorm(h, w.at("layer_norm2")), w.at("mlp.fc1"))), w.at("mlp.fc2")));
}

/** pixels (N, H, W, 3) -> (N, projection): what CLIP compares with texts. `w` is the model's top. */
export function imageEmbeddings(pixels: Tensor, w: Weights, tower: VisionTower): Tensor {
  const vision = w.at("vision_model"), states = clipVision(pixels, vision, tower);
  const [n, , width] = states.shape, first = reshape(slice(states, 1, 0, 1), [n, width]);
  return linear(layerNorm(first, vision.at("post_layernorm")), w.at("visual_projection"));
}
