/**
 * Adafactor (arXiv 1804.04235), whose second moments are the means of rows and columns, as transformers has it. Steps are
 * limited, and with scale_parameter scaled, by each parameter's own root mean square.
 */
import { add, affine, div, mean, mul, square, sub } from "../../graph/mod.ts";
import { type Arguments, flag, number, numbers, positive, share } from "./arguments.ts";
import { atLeast, inverseRoot, lerp, rest, rootMeanSquare } from "./formulas.ts";
import { type Group, type Optimizer, type Rule, rule } from "./optimizer.ts";

type States = "exp_avg_sq_row" | "exp_avg_sq_col" | "exp_avg_sq" | "exp_avg";

/** What a state of a parameter keeps: its last axis or the one before it as a mean. */
const SHAPES: Record<States, (shape: readonly number[]) => readonly number[] | null> = {
  exp_avg_sq_row: (shape) => shape.length < 2 ? null : shape.with(-1, 1),
  exp_avg_sq_col: (shape) => shape.length < 2 ? null : shape.with(-2, 1),
  exp_avg_sq: (shape) => shape.length < 2 ? shape : null,
  exp_avg: (shape) => shape,
};

/** The gradient over the root of its second moments, and these. */
function scaled(group: Group<States, "lr" | "decay">, eps: number) {
  const { grad, state, hyper: { decay }, keep = (_, value) => value } = group;
  const squares = affine(square(grad), 1, eps), rank = grad.shape.length;
  if (rank < 2) {
    const exp_avg_sq = lerp(state.exp_avg_sq, squares, rest(decay));
    return { update: mul(grad, inverseRoot(exp_avg_sq)), moments: { exp_avg_sq } };
  }
  const row = mean(squares, [rank - 1]), col = mean(squares, [rank - 2]);
  const exp_avg_sq_row = keep("exp_avg_sq_row", lerp(state.exp_avg_sq_row, row, rest(decay)));
  const exp_avg_sq_col = keep("exp_avg_sq_col", lerp(state.exp_avg_sq_col, col, rest(decay)));
  // both before a product is recorded: the products are one chain then, which reads them where they repeat
  const rows = inverseRoot(div(exp_avg_sq_row, mean(exp_avg_sq_row, [rank - 2])));
  const columns = inverseRoot(exp_avg_sq_col);
  return { update: mul(mul(grad, rows), columns), moments: { exp_avg_sq_row, exp_avg_sq_col } };
}

function adafactorRule(args: Arguments): Rule {
  const { eps: [floor, smallest], clip_threshold, decay_rate, beta1, weight_decay } = args;
  // sd-scripts turns it on where warmup_init needs it
  const relative = args.relative_step || args.warmup_init;
  const ownRate = (step: number) => Math.min(args.warmup_init ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step));
  return rule({
    states: {
      ...{ exp_avg_sq_row: 0, exp_avg_sq_col: 0, exp_avg_sq: 0 },
      ...beta1 === null ? {} : { exp_avg: 0 },
    } as Record<States, number>,
    stateShape: (name, shape) => SHAPES[name](shape),
    hyper: ({ lr, step }) => ({ lr: relative && lr > 0 ? ownRate(step) : lr, decay: 1 - step ** decay_rate }),
    ...relative ? { ownRate } : {},
    update(group) {
      const { weight, state, hyper } = group, { update, moments } = scaled(group, floor);
      const lr = args.scale_parameter ? mul(hyper.lr, atLeast(rootMeanSquare(weight), smallest)) : hyper.lr;
      const limit = atLeast(affine(rootMeanSquare(update), 1 / clip_threshold, 0), 1);
      const step = mul(update, div(lr, limit));
      const exp_avg = beta1 === null
        ? step
        : add(affine(state.exp_avg, beta1, 0), affine(step, 1 - beta1, 0));
      const start = weight_decay === 0 ? weight : sub(weight, mul(weight, affine(lr, weight_decay, 0)));
      return { weight: sub(start, exp_avg), ...moments, ...beta1 === null ? {} : { exp_avg } };
    },
  });
}

export const adafactor: Optimizer = {
  names: ["Adafactor"],
  recorded: "transformers.optimization.Adafactor",
  args: {
    eps: numbers(1e-30, 1e-3),
    clip_threshold: positive(1),
    decay_rate: number(-0.8, -10),
    beta1: share(null),
    weight_decay: number(0),
    scale_parameter: flag(true),
    relative_step: flag(true),
    warmup_init: flag(),
  },
  implied: { relative_step: "True" },
  rule: adafactorRule,
};
