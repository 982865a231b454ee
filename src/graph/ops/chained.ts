/** Pointwise functions that have no instruction of their own: a chain computes them (compile option `chains`). */

import { expect, type Op, record, sameShape, type Tensor } from "../graph.ts";

export const CHAINED = ["select", "sign", "finite", "dither"] as const;

/** chained(fn; x, …) -> the shape of the first operand, f32. */
export const chainedOp: Op = {
  name: "chained",
  attrs: ["fn"],
  infer(inputs) {
    const [first, ...others] = inputs;
    const fits = (t: Tensor) => sameShape(t.shape, first.shape) || t.shape.join() === "1";
    expect(
      inputs.every((t) => t.dtype === "f32") && others.every(fits),
      "chained",
      inputs,
      "operands are f32, of the first one's shape or one value",
    );
    return [first];
  },
};

const fn = (name: typeof CHAINED[number]) => ({ fn: CHAINED.indexOf(name) });

/** a where condition is not 0, else b; b's bits are kept whatever a is. condition and b may be one value. */
export function select(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return record(chainedOp, [a, b, condition], fn("select"));
}

/** -1, 0 or 1. */
export function sign(x: Tensor): Tensor {
  return record(chainedOp, [x], fn("sign"));
}

/** 1 where x is neither infinite nor NaN, else 0. */
export function finite(x: Tensor): Tensor {
  return record(chainedOp, [x], fn("finite"));
}

/**
 * x rounded to a bf16 neighbour at random, so that the mean of many is x: what is smaller than half of the last place adds
 * up all the same. `seed`, one whole number below 2^24, makes other draws for each step; an element's draw depends on it
 * and on the element's place alone.
 */
export function dither(x: Tensor, seed: Tensor): Tensor {
  return record(chainedOp, [x, seed], fn("dither"));
}
