/**
 * ControlNet (L. Zhang and others, arXiv 2302.05543): a copy of the U-Net's way down that sees a picture as well. What its
 * blocks give goes through 1x1 convolutions and is added to the skips and the middle of the U-Net.
 */

import { cast, mul, reshape, silu, type Tensor } from "../../graph/mod.ts";
import { conv2d, toCompute } from "../layers.ts";
import {
  type BlockContext,
  type Residuals,
  type UnetOptions,
  unetSurroundings,
  wayDown,
} from "../unet/unet.ts";
import type { Weights } from "../weights.ts";

/** A ControlNet that takes part in a program. */
export interface Control {
  /** Where its tensors lie, under their original names: input_blocks, zero_convs. */
  readonly weights: Weights;
  /** (N, H, W, width) of the latents' size: hintFeatures() of the picture. */
  readonly hint: Tensor;
  /** (1) f32; as it is without. */
  readonly multiplier?: Tensor;
  /** (N, L, context width), where it reads another context than the U-Net. */
  readonly context?: Tensor | BlockContext;
  /** See Residuals. */
  readonly reachesMiddle?: boolean;
}

/** A picture (N, H, W, 3) as the first block takes it, an eighth of its size: (N, H/8, W/8, width). */
export function hintFeatures(picture: Tensor, w: Weights): Tensor {
  let h = toCompute(picture, w);
  const block = w.at("input_hint_block");
  for (let i = 0; block.has(2 * i); i++) {
    if (i > 0) h = silu(h);
    // convolutions and what is between them are numbered; every other one from the third on halves
    const halves = i > 0 && i % 2 === 0;
    h = conv2d(h, block.at(2 * i), halves ? { stride: 2 } : {});
  }
  return h;
}

/**
 * What is added to the U-Net for latents (N, H, W, 4) at timesteps (N) f32, context (N, L, context width) or one for
 * each block. Computes in the weights' dtype. Where the U-Net is shrunk so is the ControlNet, at the same block: their activations are of one size.
 */
export function controlNet(
  latents: Tensor,
  timesteps: Tensor,
  context: Tensor | BlockContext,
  { weights: w, hint, multiplier, reachesMiddle }: Control,
  options: Pick<UnetOptions, "heads" | "vector" | "shrink" | "shrinkBy">,
): Residuals {
  const around = unetSurroundings(timesteps, context, w, options);
  const { skips, middle } = wayDown(toCompute(latents, w), w, around, {
    ...options,
    hint: toCompute(hint, w),
  });
  const scale = multiplier && cast(reshape(multiplier, [1, 1, 1, 1]), w.dtype);
  const out = (x: Tensor, name: string) => {
    const y = conv2d(x, w.at(name));
    return scale ? mul(y, scale) : y;
  };
  return {
    skips: skips.map((skip, i) => out(skip, `zero_convs.${i}.0`)),
    middle: out(middle, "middle_block_out.0"),
    reachesMiddle,
  };
}
