import { type Attrs, elements, expect, type Op, record, type Tensor } from "../graph.ts";
import { cast, roundedAsRead } from "./cast.ts";
import { reshape } from "./reshape.ts";
import { sum } from "./sum.ts";

const GEOMETRY = ["stride", "padTop", "padLeft", "padBottom", "padRight"] as const;

/**
 * conv2d(x (N, H, W, I), w (O, I, KH, KW)[, bias (O)][, residual]; stride, pads, hasBias, hasResidual) -> (N, H', W', O).
 * Weights keep the files' layout; the executor repacks frozen ones once. Cross-correlation, as PyTorch's.
 */
export const conv2dOp: Op = {
  name: "conv2d",
  attrs: [...GEOMETRY, "hasBias", "hasResidual"],
  infer(inputs, a) {
    const [x, w] = inputs;
    expect(
      x.shape.length === 4 && w.shape.length === 4,
      "conv2d",
      inputs,
      "wants x (N, H, W, I), w (O, I, KH, KW)",
    );
    expect(x.shape[3] === w.shape[1], "conv2d", inputs, "channels differ");
    expect(
      inputs.every((t, k) => t.dtype === x.dtype || k === 1 && roundedAsRead(t, x)),
      "conv2d",
      inputs,
      "operands need one dtype",
    );
    const height = Math.floor((x.shape[1] + a.padTop + a.padBottom - w.shape[2]) / a.stride) + 1;
    const width = Math.floor((x.shape[2] + a.padLeft + a.padRight - w.shape[3]) / a.stride) + 1;
    expect(height > 0 && width > 0, "conv2d", inputs, "the kernel is larger than the picture");
    return [{ shape: [x.shape[0], height, width, w.shape[0]], dtype: x.dtype }];
  },
  flop: ({ inputs: [, w], outputs: [y] }) => 2 * elements(y.shape) * elements(w.shape.slice(1)),
  grad([dy], node) {
    if (!dy) return node.inputs.map(() => null);
    const [x, w] = node.inputs;
    const geometry: Record<string, number> = {};
    for (const name of GEOMETRY) geometry[name] = node.attrs[name];
    const dx = record(conv2dBackwardInputOp, [dy, w], { ...geometry, height: x.shape[1], width: x.shape[2] });
    const dw = record(conv2dBackwardWeightOp, [dy, x], {
      ...geometry,
      kernelHeight: w.shape[2],
      kernelWidth: w.shape[3],
    });
    const grads: Tensor[] = [dx, dw];
    if (node.attrs.hasBias) grads.push(reshape(sum(dy, [0, 1, 2]), node.inputs[2].shape));
    if (node.attrs.hasResidual) grads.push(dy);
    return grads;
  },
};

/** conv2dBackwardInput(dy, w; geometry, height, width) -> dx (N, height, width, I). */
export const conv2dBackwardInputOp: Op = {
  name: "conv2dBackwardInput",
  attrs: [...GEOMETRY, "height", "width"],
  infer: (
    [dy, w],
    { height, width },
  ) => [{ shape: [dy.shape[0], height, width, w.shape[1]], dtype: dy.dtype }],
};

/** conv2dBackwardWeight(dy, x; geometry, kernelHeight, kernelWidth) -> dw (O, I, KH, KW). */
export const conv2dBackwardWeightOp: Op = {
  name: "conv2dBackwardWeight",
  attrs: [...GEOMETRY, "kernelHeight", "kernelWidth"],
  infer: ([dy, x], { kernelHeight, kernelWidth }) => [{
    shape: [dy.shape[3], x.shape[3], kernelHeight, kernelWidth],
    dtype: dy.dtype,
  }],
};

/**
 * conv2dAccumulate(target f32, dy, x; geometry, kernelHeight, kernelWidth, fresh): adds the weight gradient to target, in
 * place; to 0 where that is fresh.
 * passes/accumulate.ts makes it of the gradients of weights.
 */
export const conv2dAccumulateOp: Op = {
  name: "conv2dAccumulate",
  attrs: [...conv2dBackwardWeightOp.attrs, "fresh"],
  effect: true,
  infer(inputs, attrs) {
    const [target, dy, x] = inputs, [{ shape }] = conv2dBackwardWeightOp.infer([dy, x], attrs);
    expect(dy.dtype === x.dtype, "conv2dAccumulate", inputs, "operands need one dtype");
    expect(target.dtype === "f32", "conv2dAccumulate", inputs, "the target must be f32");
    expect(target.shape.join() === shape.join(), "conv2dAccumulate", inputs, "the target has another shape");
    return [];
  },
};

/** Convolution of x (N, H, W, I) with w (O, I, KH, KW), cast to x's dtype; pad is [top, bottom, left, right]. */
export function conv2d(
  x: Tensor,
  w: Tensor,
  b?: Tensor,
  { stride = 1, pad = [0, 0, 0, 0] }: { stride?: number; pad?: readonly [number, number, number, number] } =
    {},
): Tensor {
  const [padTop, padBottom, padLeft, padRight] = pad;
  const attrs: Attrs = { stride, padTop, padLeft, padBottom, padRight, hasBias: b ? 1 : 0, hasResidual: 0 };
  const inputs = [x, cast(w, x.dtype)];
  if (b) inputs.push(cast(b, x.dtype));
  return record(conv2dOp, inputs, attrs);
}
