import { expect, type Op, record, type Tensor } from "../graph.ts";

/** slice(x; axis, start, length): a run of one axis, copied. */
export const sliceOp: Op = {
  name: "slice",
  attrs: ["axis", "start", "length"],
  infer([x], { axis, start, length }) {
    expect(
      start >= 0 && length > 0 && start + length <= x.shape[axis],
      "slice",
      [x],
      `${start}+${length} leaves it`,
    );
    return [{ shape: x.shape.with(axis, length), dtype: x.dtype }];
  },
  grad([dy], node) {
    const { axis, start } = node.attrs;
    return [dy && record(sliceBackwardOp, [dy], { axis, start, full: node.inputs[0].shape[axis] })];
  },
};

/** sliceBackward(dy; axis, start, full): dy set into zeros of size `full` on the axis. */
export const sliceBackwardOp: Op = {
  name: "sliceBackward",
  attrs: ["axis", "start", "full"],
  infer: ([dy], { axis, full }) => [{ shape: dy.shape.with(axis, full), dtype: dy.dtype }],
};

/** x[.., start : start + length, ..] on one axis. */
export function slice(x: Tensor, axis: number, start: number, length: number): Tensor {
  return start === 0 && length === x.shape[axis] ? x : record(sliceOp, [x], { axis, start, length });
}
