/** GIT's picture encoder: CLIP's ViT with all of its tokens. */

import type { Tensor } from "../../graph/mod.ts";
import { clipVision } from "../clip/vision.ts";
import { layerNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** pixels (N, H, W, 3) -> (N, 1 + patches, width). `w` is the scope `git.image_encoder.vision_model`. */
export function gitVision(pixels: Tensor, w: Weights, heads: number): Tensor {
  return layerNorm(clipVision(pixels, w, { heads, activation: "quick_gelu" }), w.at("post_layernorm"));
}

/** Into the width of the text. `w` is the scope `git`. */
export function gitProjected(pictures: Tensor, w: Weights): Tensor {
  const projection = w.at("visual_projection.visual_projection");
  return layerNorm(linear(pictures, projection.at(0)), projection.at(1));
}
