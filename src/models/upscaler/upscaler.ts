/**
 * The latent upscaler of sd-scripts (tools/latent_upscaler.py): latents of an enlarged picture, made sharp by 20 residual
 * blocks of 128 channels; what they add to the input is the result.
 */

import { add, affine, groupNorm, maximum, reshape, type Tensor } from "../../graph/mod.ts";
import { conv2d } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** torch.nn.BatchNorm2d's. */
export const BATCH_NORM_EPSILON = 1e-5;

const BLOCKS = 20;
/** After so many blocks their input is added once more. */
const GROUP = 4;

/**
 * latents (N, H, W, 4), not scaled -> the same, sharper. Where `w` has a batch norm beside its convolution and not within
 * it, it takes the statistics of all N.
 */
export function upscaler(latents: Tensor, w: Weights): Tensor {
  let x = relu(layer(latents, w, 1)); // (N, H, W, 128)
  for (let i = 1, skip = x; i <= BLOCKS; i++) {
    const block = w.at(`resblock${i}`);
    x = relu(add(layer(relu(layer(x, block, 1)), block, 2), x));
    if (i % GROUP === 0) skip = x = add(x, skip);
  }
  x = relu(layer(x, w, 2)); // (N, H, W, 64)
  x = layer(x, w, 3);
  return add(conv2d(x, w.at("conv_final")), latents);
}

/** A convolution with its norm. */
function layer(x: Tensor, w: Weights, i: number): Tensor {
  const y = conv2d(x, w.at(`conv${i}`)), norm = w.at(`bn${i}`);
  return norm.has("weight") ? batchNorm(y, norm) : y;
}

/** torch.nn.BatchNorm2d as it trains: x (N, H, W, C) by each channel's own mean and variance. */
function batchNorm(x: Tensor, w: Weights): Tensor {
  const [n, height, width, channels] = x.shape, { weight, bias } = w.norm();
  const whole = reshape(x, [1, n * height, width, channels]);
  return reshape(groupNorm(whole, weight, bias, { groups: channels, eps: BATCH_NORM_EPSILON }), x.shape);
}

function relu(x: Tensor): Tensor {
  return maximum(x, affine(x, 0, 0));
}

/** Every convolution and the batch norm behind it; conv_final has none. */
export const UPSCALER_LAYERS: readonly (readonly [conv: string, norm: string | null])[] = [
  ["conv1", "bn1"],
  ...Array.from(
    { length: BLOCKS },
    (_, i) => [1, 2].map((k) => [`resblock${i + 1}.conv${k}`, `resblock${i + 1}.bn${k}`] as const),
  )
    .flat(),
  ["conv2", "bn2"],
  ["conv3", "bn3"],
  ["conv_final", null],
];

/** Output and input channels, and kernel size, of a layer. */
export function upscalerShape(conv: string): readonly [number, number, number, number] {
  const named: Readonly<Record<string, readonly [number, number, number, number]>> = {
    conv1: [128, 4, 3, 3],
    conv2: [64, 128, 3, 3],
    conv3: [64, 64, 3, 3],
    conv_final: [4, 64, 1, 1],
  };
  return named[conv] ?? [128, 128, 3, 3];
}
