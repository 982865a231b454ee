import { type Op, record, type Tensor } from "../graph.ts";

/** affine(x; scale, shift) = scale * x + shift, with constants fixed in the graph. */
export const affineOp: Op = {
  name: "affine",
  attrs: ["scale", "shift"],
  inPlace: true,
  infer: ([x]) => [x],
  grad: ([dy], node) => [dy && affine(dy, node.attrs.scale, 0)],
};

/** scale * x + shift. */
export function affine(x: Tensor, scale: number, shift: number): Tensor {
  return scale === 1 && shift === 0 ? x : record(affineOp, [x], { scale, shift });
}
