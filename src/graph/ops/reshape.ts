import { elements, expect, type Op, record, sameShape, type Shape, type Tensor } from "../graph.ts";

/** reshape(x): the same bytes under another shape. The shape is the output's own; nothing runs. */
export const reshapeOp: Op = {
  name: "reshape",
  attrs: ["d0", "d1", "d2", "d3", "d4", "rank"],
  alias: true,
  infer([x], a) {
    const shape = [a.d0, a.d1, a.d2, a.d3, a.d4].slice(0, a.rank);
    expect(elements(shape) === elements(x.shape), "reshape", [x], `does not fill [${shape}]`);
    return [{ shape, dtype: x.dtype }];
  },
  grad: ([dy], node) => [dy && reshape(dy, node.inputs[0].shape)],
};

/** x under another shape with as many elements. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const [d0 = 0, d1 = 0, d2 = 0, d3 = 0, d4 = 0] = shape;
  return record(reshapeOp, [x], { d0, d1, d2, d3, d4, rank: shape.length });
}
