/** From latents to pictures. `w` is the scope `first_stage_model`. */

import { cast, type Tensor, upsampleNearest } from "../../graph/mod.ts";
import { conv2d, toCompute } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { head, middle, resnets, type VaeOptions } from "./blocks.ts";

/** latents (N, h, w, 4), already divided by the scale factor -> image (N, 8 h, 8 w, 3) f32, not clamped. */
export function decode(latents: Tensor, w: Weights, options: VaeOptions = {}): Tensor {
  return decodeUp(decodeMiddle(latents, w, options), w);
}

/** The part at the latents' size, where all pixels attend to each other: (N, h, w, 4) -> (N, h, w, C). */
export function decodeMiddle(latents: Tensor, w: Weights, options: VaeOptions = {}): Tensor {
  const decoder = w.at("decoder");
  let h = toCompute(latents, w);
  if (w.has("post_quant_conv")) h = conv2d(h, w.at("post_quant_conv"));
  return middle(conv2d(h, decoder.at("conv_in")), decoder.at("mid"), options);
}

/** The part that enlarges: (N, h, w, C) -> (N, 8 h, 8 w, 3) f32. */
export function decodeUp(middle: Tensor, w: Weights): Tensor {
  const decoder = w.at("decoder");
  let h = middle;
  for (const level of decoder.list("up").reverse()) { // the file counts levels from the picture's side
    h = resnets(h, level);
    if (level.has("upsample")) {
      h = conv2d(upsampleNearest(h, 2 * h.shape[1], 2 * h.shape[2]), level.at("upsample.conv"));
    }
  }
  return cast(head(h, decoder), "f32");
}
