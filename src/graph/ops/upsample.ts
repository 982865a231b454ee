import { expect, type Op, record, type Tensor } from "../graph.ts";

/**
 * upsampleNearest(x (N, H, W, C); height, width): pixel (y, x) copies (floor(y*H/height), floor(x*W/width)), as
 * PyTorch's interpolate(mode="nearest").
 */
export const upsampleNearestOp: Op = {
  name: "upsampleNearest",
  attrs: ["height", "width"],
  infer([x], { height, width }) {
    expect(x.shape.length === 4, "upsampleNearest", [x], "wants (N, H, W, C)");
    return [{ shape: [x.shape[0], height, width, x.shape[3]], dtype: x.dtype }];
  },
  grad([dy], node) {
    const [, height, width] = node.inputs[0].shape;
    return [dy && record(upsampleNearestBackwardOp, [dy], { height, width })];
  },
};

/**
 * upsampleNearestBackward(dy; height, width): adds up the copies of each source pixel; height and width are the
 * source's.
 */
export const upsampleNearestBackwardOp: Op = {
  name: "upsampleNearestBackward",
  attrs: ["height", "width"],
  infer: ([dy], { height, width }) => [{ shape: [dy.shape[0], height, width, dy.shape[3]], dtype: dy.dtype }],
};

/** x (N, H, W, C) enlarged to (N, height, width, C) by repeating pixels. */
export function upsampleNearest(x: Tensor, height: number, width: number): Tensor {
  return record(upsampleNearestOp, [x], { height, width });
}
