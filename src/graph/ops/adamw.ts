import { expect, type Op, type Tensor } from "../graph.ts";

/**
 * adamw(param, grad, m, v, hyper, gradScale): one step of decoupled-weight-decay Adam (arXiv 1711.05101), in place on
 * param, m and v, all f32 of one shape. hyper f32 (7) = lr, beta1, beta2, eps, weight_decay, 1 - beta1^t, 1 - beta2^t:
 *   g = grad * gradScale; p -= lr * weight_decay * p; m += (1 - beta1) (g - m); v = beta2 v + (1 - beta2) g^2;
 *   p -= lr / bias1 * m / (sqrt(v) / sqrt(bias2) + eps).
 * gradScale f32 (1) carries clipping and loss scale; when it is not finite the step is skipped.
 */
export const adamwOp: Op = {
  name: "adamw",
  attrs: [],
  effect: true,
  infer(inputs) {
    const [param, grad, m, v, hyper, gradScale] = inputs;
    expect(
      [param, grad, m, v].every((t) => t.dtype === "f32" && t.shape.join() === param.shape.join()),
      "adamw",
      inputs,
      "param, grad, m, v must be f32 and alike",
    );
    expect(
      hyper.shape.join() === "7" && gradScale.shape.join() === "1",
      "adamw",
      inputs,
      "hyper is (7), gradScale (1)",
    );
    return [];
  },
};

/** Records one AdamW step on a parameter; its operands are described at adamwOp. */
export function adamw(
  param: Tensor,
  grad: Tensor,
  m: Tensor,
  v: Tensor,
  hyper: Tensor,
  gradScale: Tensor,
): void {
  param.graph.add(adamwOp, [param, grad, m, v, hyper, gradScale]);
}
