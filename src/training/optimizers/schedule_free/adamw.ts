/** schedulefree.AdamWScheduleFree: AdamW without a schedule (arXiv 2405.15682). */
import { affine, div, sqrt } from "../../../graph/mod.ts";
import { number, positiveShares, whole } from "../arguments.ts";
import { averageSquare } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";
import { averageNumbers, averageOf, averageRows, averageStep, decayedAt, settledAt, zOf } from "./average.ts";

export const adamwScheduleFree: Optimizer = {
  names: ["AdamWScheduleFree"],
  recorded: "schedulefree.adamw_schedulefree.AdamWScheduleFree",
  args: {
    betas: positiveShares(0.9, 0.999),
    eps: number(1e-8),
    weight_decay: number(0),
    warmup_steps: whole(0),
    ...averageRows,
  },
  rule: (args) => {
    const { betas: [beta1, beta2], eps, weight_decay, warmup_steps } = args;
    const rateOf = ({ lr, step }: { lr: number; step: number }) =>
      lr * Math.min(1, step / (warmup_steps || 1));
    return rule({
      states: { z: 0, exp_avg_sq: 0 },
      running: averageOf(args, rateOf),
      settled: settledAt(beta1),
      hyper: (moment) => ({
        ...averageNumbers(beta1, rateOf(moment), moment),
        ...{ beta2, fresh2: 1 - beta2, decay: weight_decay, bias2: 1 - beta2 ** moment.step },
      }),
      update({ weight, grad, state, hyper }) {
        const exp_avg_sq = averageSquare(state.exp_avg_sq, grad, hyper.beta2, hyper.fresh2);
        const scaled = div(grad, affine(sqrt(div(exp_avg_sq, hyper.bias2)), 1, eps));
        const z = zOf(weight, state.z, hyper.first), direction = decayedAt(scaled, weight, hyper.decay);
        return { ...averageStep(weight, z, direction, hyper), exp_avg_sq };
      },
    });
  },
};
