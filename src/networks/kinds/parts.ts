/** What several kinds are made of. */

import { cast, elements, reshape, square, sub, sum, type Tensor } from "../../graph/mod.ts";
import type { PlainLayer } from "./kind.ts";

/** The sum of the squares, shape (1). */
export function squareOf(x: Tensor): Tensor {
  return reshape(sum(square(x)), [1]);
}

/** (rows, everything else). */
export function flat(x: Tensor): Tensor {
  return reshape(x, [x.shape[0], elements(x.shape) / x.shape[0]]);
}

/** (C) over the last axis of something of x's rank. */
export function overChannels(t: Tensor, x: Tensor): Tensor {
  return reshape(cast(t, x.dtype), [...x.shape.slice(1).map(() => 1), elements(t.shape)]);
}

/** What the weight alone gives: y less the layer's bias. */
export function withoutBias({ y, bias }: PlainLayer): Tensor {
  const b = bias();
  return b ? sub(y, overChannels(b, y)) : y;
}
