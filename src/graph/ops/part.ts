import { elements, expect, type Op, record, type Shape, type Tensor } from "../graph.ts";

/**
 * part(x): the bytes of x from one element on, under a shape of its own; nothing runs. Made by passes only: it has no
 * gradient.
 */
export const partOp: Op = {
  name: "part",
  attrs: ["offset", "d0", "d1", "d2", "d3", "d4", "rank"],
  alias: true,
  infer([x], a) {
    const shape = [a.d0, a.d1, a.d2, a.d3, a.d4].slice(0, a.rank);
    expect(
      a.offset + elements(shape) <= elements(x.shape),
      "part",
      [x],
      `has no [${shape}] from ${a.offset} on`,
    );
    return [{ shape, dtype: x.dtype }];
  },
};

/** `shape` of x's elements, the first of them at `offset`. */
export function part(x: Tensor, offset: number, shape: Shape): Tensor {
  const [d0 = 0, d1 = 0, d2 = 0, d3 = 0, d4 = 0] = shape;
  return record(partOp, [x], { offset, d0, d1, d2, d3, d4, rank: shape.length });
}
