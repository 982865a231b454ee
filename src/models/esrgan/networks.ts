/**
 * Networks that enlarge pictures: ESRGAN's RRDBNet (arXiv 1809.00219; Real-ESRGAN, arXiv 2107.10833, puts smaller pixels
 * into channels first) and Real-ESRGAN's compact one. `w` is the scope that load.ts fills. Pixels are (N, H, W, 3), 0 to 1.
 */

import {
  add,
  affine,
  concat,
  maximum,
  minimum,
  mul,
  permute,
  reshape,
  type Tensor,
  upsampleNearest,
} from "../../graph/mod.ts";
import { conv2d } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** How much of a block is added to what went in. */
const RESIDUAL = 0.2;

/** rgb -> the same `unshuffle` times smaller and twice as large for each of `conv_up`. */
export function rrdbNet(rgb: Tensor, w: Weights, unshuffle: number): Tensor {
  const first = conv2d(pixelUnshuffle(rgb, unshuffle), w.at("conv_first")); // (N, h, w, F)
  let x = add(conv2d(w.list("body").reduce(blockOfBlocks, first), w.at("conv_body")), first);
  for (const up of w.list("conv_up")) {
    x = leaky(conv2d(upsampleNearest(x, 2 * x.shape[1], 2 * x.shape[2]), up));
  }
  return conv2d(leaky(conv2d(x, w.at("conv_hr"))), w.at("conv_last"));
}

/** Three dense blocks, and what went in. */
function blockOfBlocks(x: Tensor, w: Weights): Tensor {
  return residual(x, [1, 2, 3].reduce((h, i) => denseBlock(h, w.at(`rdb${i}`)), x));
}

/** Each of five convolutions sees all before it. */
function denseBlock(x: Tensor, w: Weights): Tensor {
  let seen = [x];
  for (let i = 1; i <= 4; i++) seen = [...seen, leaky(conv2d(concat(seen, 3), w.at(`conv${i}`)))];
  return residual(x, conv2d(concat(seen, 3), w.at("conv5")));
}

function residual(x: Tensor, change: Tensor): Tensor {
  return add(affine(change, RESIDUAL, 0), x);
}

/** rgb -> `scale` times as large: convolutions with PReLU between, then pixels out of channels, on top of the enlarged input. */
export function compactNet(rgb: Tensor, w: Weights, scale: number): Tensor {
  const layers = w.list("body");
  const x = layers.reduce((h, layer) => layer.has("bias") ? conv2d(h, layer) : prelu(h, layer), rgb);
  const [, height, width] = rgb.shape;
  return add(pixelShuffle(x, scale), upsampleNearest(rgb, scale * height, scale * width));
}

function leaky(x: Tensor): Tensor {
  return maximum(x, affine(x, 0.2, 0));
}

function prelu(x: Tensor, w: Weights): Tensor {
  const zero = affine(x, 0, 0);
  return add(maximum(x, zero), mul(minimum(x, zero), w.tensor("weight")));
}

/** torch's pixel_unshuffle: (N, H, W, C) -> (N, H / r, W / r, C r r), a channel's pixels together. */
function pixelUnshuffle(x: Tensor, r: number): Tensor {
  const [n, height, width, c] = x.shape;
  if (r === 1) return x;
  const parts = permute(reshape(x, [n * height / r, r, width / r, r, c]), [0, 2, 4, 1, 3]);
  return reshape(parts, [n, height / r, width / r, c * r * r]);
}

/** torch's pixel_shuffle, its inverse. */
function pixelShuffle(x: Tensor, r: number): Tensor {
  const [n, height, width, all] = x.shape, c = all / (r * r);
  const parts = permute(reshape(x, [n * height, width, c, r, r]), [0, 3, 1, 4, 2]);
  return reshape(parts, [n, height * r, width * r, c]);
}
