import { expect, type Op, record, sameShape, type Shape, type Tensor } from "../graph.ts";
import { sum } from "./sum.ts";

/** broadcast(x; d0..d4): repeats axes of size 1; the attributes are the target's sizes, unused ones 0. */
export const broadcastOp: Op = {
  name: "broadcast",
  attrs: ["d0", "d1", "d2", "d3", "d4"],
  infer([x], a) {
    const shape = [a.d0, a.d1, a.d2, a.d3, a.d4].slice(0, x.shape.length);
    expect(x.shape.every((d, i) => d === shape[i] || d === 1), "broadcast", [x], `cannot become [${shape}]`);
    return [{ shape, dtype: x.dtype }];
  },
  grad([dy], node) {
    const x = node.inputs[0];
    return [dy && sum(dy, x.shape.map((_, i) => i).filter((i) => x.shape[i] === 1 && dy.shape[i] !== 1))];
  },
};

/** x repeated to `shape`, which has x's rank. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const [d0 = 0, d1 = 0, d2 = 0, d3 = 0, d4 = 0] = shape;
  return record(broadcastOp, [x], { d0, d1, d2, d3, d4 });
}
