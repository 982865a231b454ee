/**
 * torch.optim.Muon: momentum whose step is made a matrix of singular values near 1 (Jordan 2024,
 * https://kellerjordan.github.io/posts/muon). The iteration is in float32, PyTorch's in bfloat16. Of what has more axes the
 * first one gives the rows, as Jordan has it for convolutions; PyTorch takes matrices alone.
 */
import { UsageError } from "../../../base/errors.ts";
import {
  add,
  affine,
  div,
  matmul,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "../../../graph/mod.ts";
import { flag, number, only, type Row, whole } from "../arguments.ts";
import { atLeast, lerp, SMALLEST } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

/** How rates of matrices of `rows` times `columns` differ. */
const RATES: Readonly<Record<string, (rows: number, columns: number) => number>> = {
  original: (rows, columns) => Math.sqrt(Math.max(1, rows / columns)),
  match_rms_adamw: (rows, columns) => 0.2 * Math.sqrt(Math.max(rows, columns)),
};

const ns_coefficients: Row = {
  wanted: "three numbers, such as (3.4445,-4.775,2.0315)",
  standard: [3.4445, -4.775, 2.0315],
  read: (value) =>
    Array.isArray(value) && value.length === 3 && value.every(Number.isFinite) ? value : undefined,
};

/** As a matrix of the first axis' rows. Throws UsageError for what has one axis. */
function sidesOf(shape: readonly number[]): [rows: number, columns: number] {
  if (shape.length >= 2) return [shape[0], shape.slice(1).reduce((a, b) => a * b)];
  throw new UsageError(
    "--optimizer_type Muon steps matrices, and biases and scales are trained here too; use AdamW, or train a LoRA",
  );
}

/** A matrix with the same singular vectors, whose singular values `steps` of the iteration bring near 1. */
function orthogonal(x: Tensor, [a, b, c]: readonly number[], steps: number, eps: number): Tensor {
  const [rows, columns] = x.shape, tall = rows > columns;
  let near = div(x, atLeast(sqrt(reshape(sum(square(x)), [1])), Math.max(eps, SMALLEST)));
  for (let k = 0; k < steps; k++) {
    // of the shorter side; it is symmetric, so a tall matrix has it on its right
    const gram = matmul(near, near, tall ? { transA: true } : { transB: true });
    const change = add(affine(gram, b, 0), affine(matmul(gram, gram), c, 0));
    near = add(affine(near, a, 0), tall ? matmul(near, change) : matmul(change, near));
  }
  return near;
}

export const muon: Optimizer = {
  names: ["Muon"],
  recorded: "torch.optim.Muon",
  args: {
    weight_decay: number(0.1),
    momentum: number(0.95),
    nesterov: flag(true),
    ns_coefficients,
    eps: number(1e-7),
    ns_steps: whole(5, 0, 99),
    adjust_lr_fn: only(null, ...Object.keys(RATES)),
  },
  rule: ({ weight_decay, momentum: own, nesterov, ns_coefficients, eps, ns_steps, adjust_lr_fn }) =>
    rule({
      states: { momentum_buffer: 0 },
      stateShape(_, shape) {
        sidesOf(shape);
        return shape;
      },
      momentum: true,
      hyper: ({ lr, momentum = own }) => ({ lr, momentum, fresh: 1 - momentum, keep: 1 - lr * weight_decay }),
      update({ weight, grad, state, hyper: { lr, momentum, fresh, keep } }) {
        const momentum_buffer = lerp(state.momentum_buffer, grad, fresh);
        const ahead = nesterov ? lerp(grad, momentum_buffer, momentum) : momentum_buffer;
        const [rows, columns] = sidesOf(weight.shape),
          rate = RATES[adjust_lr_fn ?? "original"](rows, columns);
        const step = orthogonal(reshape(ahead, [rows, columns]), ns_coefficients, ns_steps, eps);
        const change = mul(reshape(step, weight.shape), affine(lr, rate, 0));
        return { weight: sub(mul(weight, keep), change), momentum_buffer };
      },
    }),
};
