/** From latents to pictures. `w` is the scope `first_stage_model`. */

import { cast, type Tensor, upsampleNearest } from "../../graph/mod.ts";
import { conv2d, toCompute } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { head, middle, resnet, type VaeOptions } from "./blocks.ts";
import type { VaePiece } from "./pieces.ts";

/** latents (N, h, w, 4), already divided by the scale factor -> image (N, 8 h, 8 w, 3) f32, not clamped. */
export function decode(latents: Tensor, w: Weights, options: VaeOptions = {}): Tensor {
  const small = decodeSmall(latents, w, options);
  const h = decoderPieces(w).reduce((x, { enter, block }) => resnet(enter(x, w), w.at(block)), small);
  return cast(head(h, w.at("decoder")), "f32");
}

/** The part at the latents' size, where all pixels attend to each other: (N, h, w, 4) -> (N, h, w, C). */
export function decodeSmall(latents: Tensor, w: Weights, options: VaeOptions = {}): Tensor {
  const decoder = w.at("decoder");
  let h = toCompute(latents, w);
  if (w.has("post_quant_conv")) h = conv2d(h, w.at("post_quant_conv"));
  h = middle(conv2d(h, decoder.at("conv_in")), decoder.at("mid"), options);
  return decoder.list("up").at(-1)!.list("block").reduce((x, block) => resnet(x, block), h);
}

/** What follows, up to the head: each level is twice as large as the one before. */
export function decoderPieces(w: Weights): VaePiece[] {
  const levels = w.at("decoder").list("up"); // the file counts them from the picture's side
  return levels.slice(0, -1).reverse().flatMap((level, i) => {
    const name = levels[levels.length - 1 - i].at("upsample.conv").below(w);
    return level.list("block").map((block, k): VaePiece => ({
      block: block.below(w),
      ...(k > 0 ? { scale: 1, convolutions: 0, enter: (x) => x } : {
        scale: 2,
        convolutions: 1,
        enter: (x, w) => {
          const larger = upsampleNearest(x, 2 * x.shape[1], 2 * x.shape[2]);
          return conv2d(larger, w.at(name));
        },
      }),
    }));
  });
}
