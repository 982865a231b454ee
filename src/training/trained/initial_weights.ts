/** Random weights for a model that starts from nothing. */
import { TorchGenerator } from "../../random/mod.ts";
import type { Shapes } from "../../models/weights.ts";
import { sizeOf } from "../step/trainable.ts";

/**
 * Layers that start at zero so that each block starts as the identity, as the latent diffusion code has them:
 * the last convolution of each residual block, the way out of each transformer, the U-Net's head.
 */
const ZERO =
  /^model\.diffusion_model\.(out\.2|.*\.(out_layers\.3|proj_out))\.(weight|bias)$|^first_stage_model\..*\.proj_out\.weight$/;

/**
 * The autoencoder starts nearly without noise in its latents (deviation e^-3), or channels drown before they say
 * anything.
 */
const FIRST_LOGVAR = -6, QUANT_BIAS = "first_stage_model.quant_conv.bias";

/**
 * PyTorch's default for linear and convolution layers: uniform within 1 / sqrt(fan in); norms 1 and 0; embeddings normal
 * of deviation 0.02 (positions 0.01). The generator is drawn in the order of `shapes`.
 */
export function initialWeights(shapes: Shapes, seed: number): Map<string, Float32Array> {
  const torch = new TorchGenerator(seed);
  const weights = new Map<string, Float32Array>();
  for (const [key, shape] of shapes) {
    const size = sizeOf(shape);
    if (ZERO.test(key)) weights.set(key, new Float32Array(size));
    else if (/embedding/.test(key)) {
      weights.set(key, torch.normal(0, /position/.test(key) ? 0.01 : 0.02, size));
    } else if (shape.length >= 2) {
      const bound = 1 / Math.sqrt(size / shape[0]);
      weights.set(key, torch.uniform(-bound, bound, size));
    } else {
      // norms are the vectors without a matrix beside them
      const matrix = shapes.get(key.replace(/bias$/, "weight"));
      const gain = key.endsWith("weight") ? 1 : 0;
      weights.set(
        key,
        key.endsWith("bias") && matrix && matrix.length >= 2
          ? torch.uniform(
            -1 / Math.sqrt(sizeOf(matrix) / matrix[0]),
            1 / Math.sqrt(sizeOf(matrix) / matrix[0]),
            size,
          )
          : new Float32Array(size).fill(gain),
      );
    }
  }
  const quant = weights.get(QUANT_BIAS); // means, then logarithms of variances
  quant?.fill(FIRST_LOGVAR, quant.length / 2);
  return weights;
}
