/** From pictures to latents. `w` is the scope `first_stage_model`. */

import { add, affine, cast, exp, maximum, minimum, mul, slice, type Tensor } from "../../graph/mod.ts";
import { conv2d, toCompute } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { head, middle, resnets, type VaeOptions } from "./blocks.ts";

/** A normal distribution over latents, both (N, h, w, channels) f32. */
export interface LatentDistribution {
  mean: Tensor;
  logvar: Tensor;
}

/** image (N, H, W, 3) in [-1, 1], H and W multiples of 8 -> the distribution of its latents, before any scale factor. */
export function encode(image: Tensor, w: Weights, options: VaeOptions = {}): LatentDistribution {
  const { mean, logvar } = moments(image, w, options), { graph } = logvar;
  return {
    mean,
    logvar: minimum(
      maximum(logvar, graph.constant(Float32Array.of(-30), [1])),
      graph.constant(Float32Array.of(20), [1]),
    ),
  };
}

/** The distribution as the encoder gives it, with logvar not yet held within [-30, 20]: differentiable. */
export function moments(image: Tensor, w: Weights, options: VaeOptions = {}): LatentDistribution {
  return encodeMiddle(encodeDown(image, w), w, options);
}

/** The part that makes smaller: (N, H, W, 3) -> (N, H / 8, W / 8, C). */
export function encodeDown(image: Tensor, w: Weights): Tensor {
  const encoder = w.at("encoder");
  let h = conv2d(toCompute(image, w), encoder.at("conv_in"));
  for (const level of encoder.list("down")) {
    h = resnets(h, level);
    // The reference pads one zero at the bottom and the right only.
    if (level.has("downsample")) h = conv2d(h, level.at("downsample.conv"), { stride: 2, pad: [0, 1, 0, 1] });
  }
  return h;
}

/** The part at the latents' size, where all pixels attend to each other. */
export function encodeMiddle(small: Tensor, w: Weights, options: VaeOptions = {}): LatentDistribution {
  const encoder = w.at("encoder"), h = head(middle(small, encoder.at("mid"), options), encoder);
  const precise = cast(w.has("quant_conv") ? conv2d(h, w.at("quant_conv")) : h, "f32");
  const half = precise.shape[3] / 2;
  return { mean: slice(precise, 3, 0, half), logvar: slice(precise, 3, half, half) };
}

/** mean + exp(logvar / 2) * noise; `noise` is standard normal, of the mean's shape. */
export function sampleLatents({ mean, logvar }: LatentDistribution, noise: Tensor): Tensor {
  return add(mean, mul(exp(affine(logvar, 0.5, 0)), noise));
}
