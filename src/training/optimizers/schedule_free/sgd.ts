/** schedulefree.SGDScheduleFree: gradient descent without a schedule (arXiv 2405.15682). */
import { number, positiveShare, whole } from "../arguments.ts";
import { type Optimizer, rule } from "../optimizer.ts";
import { averageNumbers, averageOf, averageRows, averageStep, decayedAt, settledAt, zOf } from "./average.ts";

export const sgdScheduleFree: Optimizer = {
  names: ["SGDScheduleFree"],
  recorded: "schedulefree.sgd_schedulefree.SGDScheduleFree",
  args: { momentum: positiveShare(0.9), weight_decay: number(0), warmup_steps: whole(0), ...averageRows },
  rule: (args) => {
    const { momentum, weight_decay, warmup_steps } = args;
    const rateOf = ({ lr, step }: { lr: number; step: number }) =>
      lr * Math.min(1, step / (warmup_steps || 1));
    return rule({
      states: { z: 0 },
      running: averageOf(args, rateOf),
      settled: settledAt(momentum),
      hyper: (moment) => ({ ...averageNumbers(momentum, rateOf(moment), moment), decay: weight_decay }),
      update({ weight, grad, state, hyper }) {
        const z = zOf(weight, state.z, hyper.first);
        return averageStep(weight, z, decayedAt(grad, weight, hyper.decay), hyper);
      },
    });
  },
};
