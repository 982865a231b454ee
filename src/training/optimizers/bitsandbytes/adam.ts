/** bitsandbytes' Adam and AdamW: both with decay beside the moments (arXiv 1711.05101), which for Adam is 0. */
import { add, div, mul, sqrt, sub } from "../../../graph/mod.ts";
import { type Arguments, number, only, shares } from "../arguments.ts";
import { average, averageSquare } from "../formulas.ts";
import { rule } from "../optimizer.ts";
import { adamw as torchAdamw } from "../torch/adam.ts";
import { classesOf, type Formula } from "./classes.ts";

const formula = (name: string, file: string, weightDecay: number): Formula => ({
  name,
  file,
  paged: true,
  bits: { "8bit": 32, "32bit": 32 },
  args: {
    betas: shares(0.9, 0.999),
    eps: number(1e-8),
    weight_decay: number(weightDecay),
    amsgrad: only(false),
  },
  maps: { exp_avg: "signed", exp_avg_sq: "unsigned" },
  rule: (args, eight) => eight ? moments(args) : torchAdamw.rule({ ...args, maximize: false }),
});

function moments({ betas: [beta1, beta2], eps, weight_decay }: Arguments) {
  return rule({
    states: { exp_avg: 0, exp_avg_sq: 0 },
    momentum: true,
    // one division a weight: what stands below the fraction is times the root of the second moment's correction
    hyper({ lr, step, momentum = beta1 }) {
      const root = Math.sqrt(1 - beta2 ** step);
      return {
        ...{ beta1: momentum, fresh1: 1 - momentum, beta2, fresh2: 1 - beta2 },
        rate: lr * root / (1 - momentum ** step),
        least: eps * root,
        keep: 1 - lr * weight_decay,
      };
    },
    update({ weight, grad, state, hyper: { beta1, fresh1, beta2, fresh2, rate, least, keep } }) {
      const exp_avg = average(state.exp_avg, grad, beta1, fresh1);
      const exp_avg_sq = averageSquare(state.exp_avg_sq, grad, beta2, fresh2);
      const change = div(exp_avg, add(sqrt(exp_avg_sq), least));
      return { weight: sub(mul(weight, keep), mul(change, rate)), exp_avg, exp_avg_sq };
    },
  });
}

export const adams = [
  ...classesOf(formula("AdamW", "adamw", 0.01)),
  ...classesOf(formula("Adam", "adam", 0)),
];
