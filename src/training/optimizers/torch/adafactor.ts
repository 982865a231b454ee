/**
 * torch.optim.Adafactor (arXiv 1804.04235): like that of transformers it keeps means of rows and columns in place of
 * squares, but its steps are always limited by the weights' own root mean square and by 1 / sqrt(step).
 */
import { affine, div, mean, mul, square, sub } from "../../../graph/mod.ts";
import { number, type Row, torchRows } from "../arguments.ts";
import { atLeast, downhill, inverseRoot, lerp, rootMeanSquare, SMALLEST } from "../formulas.ts";
import { type Group, type Optimizer, rule } from "../optimizer.ts";

type States = "row_var" | "col_var" | "variance";

/** What a state of a parameter keeps: its last axis or the one before it as a mean; whole squares of what has one axis. */
const SHAPES: Record<States, (shape: readonly number[]) => readonly number[] | null> = {
  row_var: (shape) => shape.length < 2 ? null : shape.with(-1, 1),
  col_var: (shape) => shape.length < 2 ? null : shape.with(-2, 1),
  variance: (shape) => shape.length < 2 ? shape : null,
};

/** The step of float32 at 1. */
const STEP = 2 ** -23;

const isSize = (value: unknown): value is number => Number.isFinite(value) && value as number >= 0;

/** The squares' floor, None for float32's own, and the least root mean square of weights. */
const eps: Row = {
  wanted: "two numbers, 0 or more, such as (1e-30,0.001); the first one may be None",
  standard: [null, 1e-3],
  read: (value) =>
    Array.isArray(value) && value.length === 2 && (value[0] === null || isSize(value[0])) && isSize(value[1])
      ? value
      : undefined,
};

/** The squares that means of rows and columns stand for, and what is kept of them. */
function squaresOf({ grad, state, hyper: { fresh } }: Group<States, "fresh">, floor: number) {
  const squares = square(grad), rank = grad.shape.length;
  if (rank < 2) {
    const variance = lerp(state.variance, squares, fresh);
    return { estimate: variance, moments: { variance } };
  }
  const row_var = lerp(state.row_var, mean(squares, [rank - 1]), fresh);
  const col_var = lerp(state.col_var, mean(squares, [rank - 2]), fresh);
  const relative = div(row_var, atLeast(mean(row_var, [rank - 2]), floor));
  // two products with the gradient's shape, so that each broadcasts over one axis
  const ones = affine(grad, 0, 1);
  return { estimate: mul(mul(ones, relative), col_var), moments: { row_var, col_var } };
}

export const torchAdafactor: Optimizer = {
  // the bare name is transformers'
  names: ["torch.optim.Adafactor"],
  recorded: "torch.optim.Adafactor",
  args: torchRows({ beta2_decay: number(-0.8, -10, 0), eps, d: number(1, 1), weight_decay: number(0) }),
  rule: ({ beta2_decay, eps: [first, smallest], d, weight_decay, maximize }) => {
    const floor = Math.max(first ?? STEP, SMALLEST), squared = Math.max(floor * floor, SMALLEST);
    return rule({
      states: { row_var: 0, col_var: 0, variance: 0 },
      stateShape: (name, shape) => SHAPES[name](shape),
      hyper: ({ lr, step }) => ({
        rate: Math.min(lr, 1 / Math.sqrt(step)),
        fresh: step ** beta2_decay,
        keep: 1 - lr * weight_decay,
      }),
      update(group) {
        const { weight, hyper } = group, grad = downhill(group.grad, maximize);
        const { estimate, moments } = squaresOf({ ...group, grad }, floor);
        const update = mul(grad, inverseRoot(atLeast(estimate, squared)));
        const rate = mul(hyper.rate, atLeast(rootMeanSquare(weight), smallest));
        const limit = atLeast(affine(rootMeanSquare(update), 1 / d, 0), 1);
        return { weight: sub(mul(weight, hyper.keep), mul(update, div(rate, limit))), ...moments };
      },
    });
  },
};
