import { expect, type Op, type Tensor } from "../graph.ts";
import { productShape } from "./matmul.ts";

/**
 * matmulAccumulate(target f32, a, b; transA, transB, fresh): target += op(a) op(b), which is never rounded to a's dtype; in
 * place. Where it is fresh, target = 0 + op(a) op(b).
 * passes/accumulate.ts makes it of the gradients of weights.
 */
export const matmulAccumulateOp: Op = {
  name: "matmulAccumulate",
  attrs: ["transA", "transB", "fresh"],
  effect: true,
  infer(inputs, attrs) {
    const [target, a, b] = inputs, shape = productShape("matmulAccumulate", a, b, attrs);
    expect(a.dtype === b.dtype, "matmulAccumulate", inputs, "operands need one dtype");
    expect(target.dtype === "f32", "matmulAccumulate", inputs, "the target must be f32");
    expect(target.shape.join() === shape.join(), "matmulAccumulate", inputs, "the target has another shape");
    return [];
  },
};

/** Adds a product to a float32 parameter, or to one under another shape. */
export function matmulAccumulate(
  target: Tensor,
  a: Tensor,
  b: Tensor,
  attrs: { transA: number; transB: number; fresh: number },
): void {
  target.graph.add(matmulAccumulateOp, [target, a, b], attrs);
}
