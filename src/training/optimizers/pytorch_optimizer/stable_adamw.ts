/**
 * StableAdamW (arXiv 2304.13013): AdamW whose rate is divided, for each parameter, by the root mean square of gradient over
 * second moment, where that is above 1. As pytorch_optimizer has it up to 3.9, and after it parameter by parameter: the way
 * of `foreach`, which 3.9 does not have, divides by the second moment before the step, so that the first hardly moves.
 */
import { affine, div, mean, mul, reshape, sqrt, square, sub } from "../../../graph/mod.ts";
import { computing, flag, number, shares } from "../arguments.ts";
import { atLeast, average, averageSquare, downhill } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

/** The average's beta with Adam's correction of its beginning. */
const corrected = (beta: number, step: number) => (beta ** step - beta) / (beta ** step - 1);

export const stableAdamw: Optimizer = {
  names: ["StableAdamW", "pytorch_optimizer.StableAdamW"],
  recorded: "pytorch_optimizer.optimizer.adamw.StableAdamW",
  args: {
    betas: shares(0.9, 0.99),
    eps: number(1e-8),
    weight_decay: number(1e-2),
    weight_decouple: flag(true),
    maximize: flag(),
    ...computing("kahan_sum", "foreach"),
  },
  rule: ({ betas, eps, weight_decay, weight_decouple, maximize }) =>
    rule({
      states: { exp_avg: 0, exp_avg_sq: 0 },
      stateShape: (_, shape) => shape,
      momentum: true,
      hyper({ lr, step, momentum = betas[0] }) {
        const beta1 = corrected(momentum, step), beta2 = corrected(betas[1], step);
        return { lr, beta1, fresh1: 1 - beta1, beta2, fresh2: 1 - beta2 };
      },
      update({ weight, grad, state, hyper }) {
        const g = downhill(grad, maximize);
        const exp_avg = average(state.exp_avg, g, hyper.beta1, hyper.fresh1);
        const exp_avg_sq = averageSquare(state.exp_avg_sq, g, hyper.beta2, hyper.fresh2);
        const squares = mean(div(square(g), atLeast(exp_avg_sq, eps ** 2)));
        const lr = div(hyper.lr, atLeast(sqrt(reshape(squares, [1])), 1));
        const start = weight_decouple ? mul(weight, affine(lr, -weight_decay, 1)) : weight;
        const change = div(exp_avg, affine(sqrt(exp_avg_sq), 1, eps));
        return { weight: sub(start, mul(change, lr)), exp_avg, exp_avg_sq };
      },
    }),
};
