import { elements, expect, type Op, record, type Tensor } from "../graph.ts";

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
    check("adamw", inputs);
    return [];
  },
};

/**
 * adamwOutcome(param, grad, m, v, hyper, gradScale) -> f32 (parts): squares of the weights that adamw() would leave,
 * summed part by part. Nothing is written. Where a sum is not finite the step must not be made.
 */
export const adamwOutcomeOp: Op = {
  name: "adamwOutcome",
  attrs: [],
  infer(inputs) {
    check("adamwOutcome", inputs);
    const parts = Math.min(MOST_PARTS, Math.ceil(elements(inputs[0].shape) / PART) || 1);
    return [{ shape: [parts], dtype: "f32" }];
  },
};

/** Elements that are worth a block of a GPU, and blocks that fill one. */
const PART = 1 << 14, MOST_PARTS = 1024;

function check(name: string, inputs: readonly Tensor[]): void {
  const [param, grad, m, v, hyper, gradScale] = inputs;
  expect(
    [param, grad, m, v].every((t) => t.dtype === "f32" && t.shape.join() === param.shape.join()),
    name,
    inputs,
    "param, grad, m, v must be f32 and alike",
  );
  expect(
    hyper.shape.join() === "7" && gradScale.shape.join() === "1",
    name,
    inputs,
    "hyper is (7), gradScale (1)",
  );
}

/** The operands of adamw(), in this order. */
export type AdamwOperands = [
  param: Tensor,
  grad: Tensor,
  m: Tensor,
  v: Tensor,
  hyper: Tensor,
  gradScale: Tensor,
];

/** Records one AdamW step on a parameter; its operands are described at adamwOp. */
export function adamw(...operands: AdamwOperands): void {
  operands[0].graph.add(adamwOp, operands);
}

/** Sums of squares of the weights that adamw() with these operands would leave, described at adamwOutcomeOp. */
export function adamwOutcome(...operands: AdamwOperands): Tensor {
  return record(adamwOutcomeOp, operands);
}
