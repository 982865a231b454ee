/** From pictures to latents. `w` is the scope `first_stage_model`. */

import { add, affine, cast, exp, maximum, minimum, mul, slice, type Tensor } from "../../graph/mod.ts";
import { conv2d, toCompute } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { head, middle, resnet, type VaeOptions } from "./blocks.ts";
import type { VaePiece } from "./pieces.ts";

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
  const pieces = encoderPieces(w);
  return encodeSmall(
    pieces.reduce((x, { enter, block }) => resnet(enter(x, w), w.at(block)), image),
    w,
    options,
  );
}

/** The part that makes smaller, up to the first resnet at the latents' size. */
export function encoderPieces(w: Weights): VaePiece[] {
  const levels = w.at("encoder").list("down");
  return levels.flatMap((level, i) => {
    const before = i === 0 ? w.at("encoder.conv_in") : levels[i - 1].at("downsample.conv");
    const blocks = i === levels.length - 1 ? level.list("block").slice(0, 1) : level.list("block");
    const name = before.below(w);
    return blocks.map((block, k): VaePiece => ({
      block: block.below(w),
      scale: k > 0 || i === 0 ? 1 : 1 / 2,
      convolutions: k > 0 ? 0 : 1,
      enter: (x, w) => {
        if (k > 0) return x;
        // The reference pads one zero at the bottom and the right only.
        const smaller = { stride: 2, pad: [0, 1, 0, 1] as [number, number, number, number] };
        return conv2d(toCompute(x, w), w.at(name), i === 0 ? {} : smaller);
      },
    }));
  });
}

/** The part at the latents' size, where all pixels attend to each other. */
export function encodeSmall(small: Tensor, w: Weights, options: VaeOptions = {}): LatentDistribution {
  const encoder = w.at("encoder"), [, ...blocks] = encoder.list("down").at(-1)!.list("block");
  const before = blocks.reduce((x, block) => resnet(x, block), small);
  const h = head(middle(before, encoder.at("mid"), options), encoder);
  const precise = cast(w.has("quant_conv") ? conv2d(h, w.at("quant_conv")) : h, "f32");
  const half = precise.shape[3] / 2;
  return { mean: slice(precise, 3, 0, half), logvar: slice(precise, 3, half, half) };
}

/** mean + exp(logvar / 2) * noise; `noise` is standard normal, of the mean's shape. */
export function sampleLatents({ mean, logvar }: LatentDistribution, noise: Tensor): Tensor {
  return add(mean, mul(exp(affine(logvar, 0.5, 0)), noise));
}
