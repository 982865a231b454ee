/**
 * CAME: Adafactor that trusts its steps by how little they differ from their average (arXiv 2307.02047), as
 * pytorch_optimizer has it.
 */
import { affine, div, maximum, mean, mul, sqrt, square, sub, type Tensor } from "../../../graph/mod.ts";
import { flag, number, positive, shares } from "../arguments.ts";
import { atLeast, average, downhill, inverseRoot, rootMeanSquare } from "../formulas.ts";
import { type Numbers, type Optimizer, rule } from "../optimizer.ts";

const KEPT = [
  "exp_avg",
  "exp_avg_sq_row",
  "exp_avg_sq_col",
  "exp_avg_res_row",
  "exp_avg_res_col",
  "exp_avg_sq",
  "exp_avg_sq_hat",
] as const;
type States = typeof KEPT[number];

/** Means of rows and of columns of what has two axes and more; whole squares of what has one. */
function shapeOf(name: States, shape: readonly number[]): readonly number[] | null {
  if (name === "exp_avg" || name === "exp_avg_sq_hat") return shape;
  if (name === "exp_avg_sq") return shape.length < 2 ? shape : null;
  return shape.length < 2 ? null : shape.with(name.endsWith("row") ? -1 : -2, 1);
}

/** Averages of rows and columns after a step, what they stand for, and its 1 / sqrt. */
function factored(row: Tensor, col: Tensor, squares: Tensor, beta: Tensor, fresh: Tensor) {
  const rank = squares.shape.length;
  const rows = average(row, mean(squares, [rank - 1]), beta, fresh);
  const cols = average(col, mean(squares, [rank - 2]), beta, fresh);
  const relative = div(rows, mean(rows, [rank - 2]));
  return {
    ...{ rows, cols },
    // two products with the array's shape, so that each broadcasts over one axis
    whole: () => mul(mul(affine(squares, 0, 1), relative), cols),
    inverse: (x: Tensor) => mul(mul(x, inverseRoot(relative)), inverseRoot(cols)),
  };
}

/** No longer than `threshold` by its root mean square. */
const limited = (update: Tensor, threshold: number): Tensor =>
  div(update, atLeast(affine(rootMeanSquare(update), 1 / threshold, 0), 1));

export const came: Optimizer = {
  names: ["CAME", "pytorch_optimizer.CAME"],
  recorded: "pytorch_optimizer.optimizer.came.CAME",
  args: {
    betas: shares(0.9, 0.999, 0.9999),
    clip_threshold: positive(1),
    eps1: number(1e-30),
    eps2: number(1e-16),
    weight_decay: number(0),
    // decay that is not comes too late in the library to have any effect
    weight_decouple: flag(true),
    fixed_decay: flag(),
    ams_bound: flag(),
    maximize: flag(),
  },
  rule: (args, compat = false) => {
    const { betas: [beta1, beta2, beta3], clip_threshold, eps1, eps2, ams_bound } = args;
    const decay = args.weight_decouple ? args.weight_decay : 0;
    return rule({
      states: Object.fromEntries(
        KEPT.filter((name) => ams_bound || name !== "exp_avg_sq_hat").map((name) => [name, 0]),
      ) as Record<States, number>,
      stateShape: shapeOf,
      momentum: true,
      hyper: ({ lr, momentum = beta1 }) => ({
        ...{ lr, keep: 1 - decay * (args.fixed_decay ? 1 : lr) },
        ...{ beta1: momentum, fresh1: 1 - momentum, beta2, fresh2: 1 - beta2, beta3, fresh3: 1 - beta3 },
      }),
      update(group) {
        const { weight, state, hyper } = group, g = downhill(group.grad, args.maximize);
        const start = mul(weight, hyper.keep), squares = affine(square(g), 1, eps1);
        if (weight.shape.length < 2) return plain(start, g, squares, state, hyper);
        const second = factored(
          state.exp_avg_sq_row,
          state.exp_avg_sq_col,
          squares,
          hyper.beta2,
          hyper.fresh2,
        );
        const bound = ams_bound ? bounded(g, second.whole(), state) : null;
        const update = limited(bound?.scaled ?? second.inverse(g), clip_threshold);
        const exp_avg = average(state.exp_avg, update, hyper.beta1, hyper.fresh1);
        const residual = affine(square(sub(update, exp_avg)), 1, eps2);
        const trust = factored(
          ...[state.exp_avg_res_row, state.exp_avg_res_col] as const,
          ...[residual, hyper.beta3, hyper.fresh3] as const,
        );
        return {
          weight: sub(start, mul(trust.inverse(exp_avg), hyper.lr)),
          exp_avg,
          ...bound?.kept,
          ...{ exp_avg_sq_row: second.rows, exp_avg_sq_col: second.cols },
          ...{ exp_avg_res_row: trust.rows, exp_avg_res_col: trust.cols },
        };
      },
    });

    function plain(start: Tensor, g: Tensor, squares: Tensor, state: Numbers, hyper: Numbers) {
      const exp_avg_sq = average(state.exp_avg_sq, squares, hyper.beta2, hyper.fresh2);
      const bound = ams_bound ? bounded(g, exp_avg_sq, state) : null;
      const update = limited(bound?.scaled ?? mul(g, inverseRoot(exp_avg_sq)), clip_threshold);
      const exp_avg = average(state.exp_avg, update, hyper.beta1, hyper.fresh1);
      const change = mul(exp_avg, hyper.lr);
      // the library multiplies the average itself by the rate, which is what it then goes on with
      return {
        weight: sub(start, change),
        exp_avg: compat ? change : exp_avg,
        exp_avg_sq,
        ...bound?.kept,
      };
    }

    /** By the largest second moment so far (arXiv 1904.09237); the library takes its root for it, and the root of that. */
    function bounded(g: Tensor, squares: Tensor, { exp_avg_sq_hat: before }: Numbers) {
      const exp_avg_sq_hat = maximum(before, compat ? sqrt(squares) : squares);
      const scaled = mul(g, inverseRoot(compat ? affine(exp_avg_sq_hat, 1 / beta2, 0) : exp_avg_sq_hat));
      return { scaled, kept: { exp_avg_sq_hat } };
    }
  },
};
