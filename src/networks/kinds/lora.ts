/** LoRA (arXiv 2106.09685) of linear layers and convolutions, as sd-scripts' networks/lora.py: up(down(x)). */

import {
  conv2d,
  elements,
  linear,
  matmul,
  mul,
  permute,
  reshape,
  type Shape,
  sum,
  type Tensor,
} from "../../graph/mod.ts";
import type { Layer } from "../../models/mod.ts";
import { kaimingUniform } from "./first_weights.ts";
import type { ModuleTensors, NetworkKind, NetworkModule } from "./kind.ts";
import { readAs } from "./reading.ts";
import { wholeAlpha } from "../sites/values.ts";

export const DOWN = "lora_down.weight";
export const UP = "lora_up.weight";

/** Between the two with Tucker's decomposition: rank x rank kernels (LyCORIS's locon.py). */
export const MID = "lora_mid.weight";

export const lora: NetworkKind = {
  name: "LoRA",
  marks: [DOWN, UP],
  others: [MID],
  tensors({ shape: [out, ...inputs] }, { rank, settings }) {
    const convolution = inputs.length === 3, one = convolution ? [1, 1] : [];
    const tucker = settings?.useTucker && convolution && inputs[1] * inputs[2] > 1;
    return {
      [DOWN]: tucker ? [rank, inputs[0], 1, 1] : [rank, ...inputs],
      [UP]: [out, rank, ...one],
      ...tucker ? { [MID]: [rank, rank, ...inputs.slice(1)] } : {},
    };
  },
  read(target, found) {
    const rank = found[DOWN]?.[0] ?? 0, settings = { useTucker: MID in found };
    return readAs(lora.tensors(target, { rank, alpha: wholeAlpha(rank), settings }), found, rank);
  },
  initial({ tensors: { [DOWN]: down, [UP]: up, [MID]: mid }, settings }, generator) {
    // the constructors of the layers draw first and are overwritten
    generator.uniform(0, 1, elements(down) + elements(up) + (mid ? elements(mid) : 0));
    return {
      [DOWN]: kaimingUniform(down, generator),
      [UP]: settings?.useScalar ? kaimingUniform(up, generator) : new Float32Array(elements(up)),
      ...mid ? { [MID]: kaimingUniform(mid, generator) } : {},
    };
  },
  output({ x, layer }, t, strength) {
    let h = through(x, t.at(DOWN), t.has(MID) ? { ...layer, stride: 1, pad: [0, 0, 0, 0] } : layer);
    if (t.has(MID)) h = through(h, t.at(MID), layer);
    // the factors meet the product where it is narrowest: rank channels instead of the layer's width
    h = strength(h);
    const up = t.at(UP), [out, rank] = up.shape;
    return linear(h, reshape(up, [out, rank]));
  },
  delta(t) {
    const [up, down] = factors(t)!;
    return matmul(up, down);
  },
  factors,
  scaled: [UP],
  plus: [UP],
  norm: { square: productSquare, factors: [DOWN, UP] },
};

/** x (..., in) or (N, H, W, in) through a layer's weight. 1x1 convolutions are linear layers. */
export function through(x: Tensor, weight: Tensor, { stride, pad }: Layer): Tensor {
  const [out, ...inputs] = weight.shape;
  if (elements(inputs) === inputs[0]) return linear(x, reshape(weight, [out, inputs[0]]));
  return conv2d(x, weight, undefined, { stride, pad });
}

/** up (out, rank) and down (rank, in * height * width), the core multiplied into down. */
function factors(t: ModuleTensors): [up: Tensor, down: Tensor] {
  const down = t.at(DOWN), up = t.at(UP), [rank] = down.shape;
  const flat = reshape(down, [rank, elements(down.shape) / rank]);
  return [reshape(up, [up.shape[0], rank]), t.has(MID) ? cored(t.at(MID), flat) : flat];
}

/** Core (r, r, height, width) times down (r, in) over the core's second axis: (r, in * height * width). */
export function cored(core: Tensor, down: Tensor): Tensor {
  const [r, s, height, width] = core.shape, [, inputs] = down.shape, kernel = height * width;
  const last = reshape(permute(reshape(core, [r, s, kernel]), [0, 2, 1]), [r * kernel, s]);
  const product = reshape(matmul(last, down), [r, kernel, inputs]);
  return reshape(permute(product, [0, 2, 1]), [r, inputs * kernel]);
}

/**
 * ||U D||^2 = sum(D * (U^T U) D), shape (1), without the product itself: 2 rank^2 (out + in) multiplications in place of
 * rank out in. Each column of D adds d^T (U^T U) d, which is not negative, so nothing cancels between columns, and the
 * long sum over them is left to the op sum. A convolution's U has 1x1 kernels, so that its product is the same with
 * D of (rank, in * height * width).
 */
function productSquare(t: ModuleTensors): Tensor {
  const [u, d] = factors(t);
  return reshape(sum(mul(d, matmul(matmul(u, u, { transA: true }), d))), [1]);
}

/** Keys of a LoRA's module in its file. */
export function keysOf({ name }: { readonly name: string }): { down: string; up: string; alpha: string } {
  return { down: `${name}.${DOWN}`, up: `${name}.${UP}`, alpha: `${name}.alpha` };
}

/** Shapes of a LoRA's two factors. */
export function factorShapes({ tensors }: NetworkModule): { down: Shape; up: Shape } {
  return { down: tensors[DOWN], up: tensors[UP] };
}
