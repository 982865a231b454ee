/** schedulefree.RAdamScheduleFree: RAdam (arXiv 1908.03265) without a schedule (arXiv 2405.15682), and so without warm-up. */
import { affine, div, select, sqrt } from "../../../graph/mod.ts";
import { flag, number, positiveShares } from "../arguments.ts";
import { averageSquare } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";
import { rectifiedShare } from "./rectified.ts";
import { averageNumbers, averageOf, averageRows, averageStep, decayedAt, settledAt, zOf } from "./average.ts";

export const radamScheduleFree: Optimizer = {
  names: ["RAdamScheduleFree"],
  recorded: "schedulefree.radam_schedulefree.RAdamScheduleFree",
  args: {
    betas: positiveShares(0.9, 0.999),
    eps: number(1e-8),
    weight_decay: number(0),
    ...averageRows,
    silent_sgd_phase: flag(true),
  },
  rule: (args) => {
    const { betas: [beta1, beta2], eps, weight_decay, silent_sgd_phase } = args;
    const rectified = (step: number) => rectifiedShare(beta2, step);
    const rateOf = ({ lr, step }: { lr: number; step: number }) =>
      lr * (rectified(step) ?? (silent_sgd_phase ? 0 : 1));
    return rule({
      states: { z: 0, exp_avg_sq: 0 },
      running: averageOf(args, rateOf),
      settled: settledAt(beta1),
      hyper: (moment) => ({
        ...averageNumbers(beta1, rateOf(moment), moment),
        ...{ beta2, fresh2: 1 - beta2, decay: weight_decay, bias2: 1 - beta2 ** moment.step },
        scaled: rectified(moment.step) === null ? 0 : 1,
      }),
      update({ weight, grad, state, hyper }) {
        const exp_avg_sq = averageSquare(state.exp_avg_sq, grad, hyper.beta2, hyper.fresh2);
        const divided = div(grad, affine(sqrt(div(exp_avg_sq, hyper.bias2)), 1, eps));
        const direction = decayedAt(select(hyper.scaled, divided, grad), weight, hyper.decay);
        const z = zOf(weight, state.z, hyper.first);
        return { ...averageStep(weight, z, direction, hyper), exp_avg_sq };
      },
    });
  },
};
