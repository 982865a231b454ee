/** D-Adaptation of Adam (arXiv 2301.07733, version 3 of the estimate), as dadaptation has it. */
import { abs, add, affine, div, mul, sub } from "../../../graph/mod.ts";
import { type Arguments, flag, number, positive, shares } from "../arguments.ts";
import { withDecay } from "../formulas.ts";
import { type Optimizer, type Rule, rule } from "../optimizer.ts";
import {
  biasNumbers,
  blend,
  dAdaptationRows,
  decayed,
  grown,
  nextBiases,
  rooted,
  scaledRate,
  where,
} from "./shared_rate.ts";

function dadaptAdamRule(args: Arguments): Rule {
  const { betas, eps, weight_decay, decouple, use_bias_correction, d0, growth_rate } = args;
  const [beta1, beta2] = betas, root = Math.sqrt(beta2);
  return rule({
    states: { exp_avg: 0, exp_avg_sq: 0, s: 0 },
    hyper: ({ lr }) => ({ lr }),
    shared: {
      numbers: { d: d0, numerator: 0, ...biasNumbers(use_bias_correction) },
      sums({ weight, grad, state, hyper, numbers }) {
        const g = withDecay(grad, weight, decouple ? 0 : weight_decay);
        const s = blend(state.s, root, g, affine(scaledRate(numbers, hyper.lr, betas), 1 - root, 0));
        return { along: div(mul(g, state.s), rooted(state.exp_avg_sq, eps)), length: abs(s) };
      },
      advance({ numbers, sums: { along, length }, hyper }) {
        const dlr = scaledRate(numbers, hyper.lr, betas);
        const numerator = blend(numbers.numerator, root, along, affine(dlr, 1 - root, 0));
        const estimate = div(numerator, affine(length, 1 - root, 0));
        const next = { d: grown(numbers.d, estimate, growth_rate), numerator };
        return where(length, { ...next, ...nextBiases(numbers, beta1, beta2) }, numbers);
      },
    },
    update({ weight, grad, state, hyper, numbers }) {
      const g = withDecay(grad, weight, decouple ? 0 : weight_decay);
      const dlr = scaledRate(numbers, hyper.lr, betas);
      const exp_avg = blend(state.exp_avg, beta1, g, affine(dlr, 1 - beta1, 0));
      const exp_avg_sq = add(affine(state.exp_avg_sq, beta2, 0), affine(mul(g, g), 1 - beta2, 0));
      const start = decayed(weight, dlr, decouple ? weight_decay : 0);
      return {
        weight: sub(start, div(exp_avg, rooted(exp_avg_sq, eps))),
        exp_avg,
        exp_avg_sq,
        s: blend(state.s, root, g, affine(dlr, 1 - root, 0)),
      };
    },
  });
}

export const dadaptAdam: Optimizer = {
  names: ["DAdaptAdam"],
  recorded: "dadaptation.dadapt_adam.DAdaptAdam",
  args: {
    betas: shares(0.9, 0.999),
    eps: positive(1e-8),
    weight_decay: number(0),
    decouple: flag(),
    use_bias_correction: flag(),
    ...dAdaptationRows,
  },
  rule: dadaptAdamRule,
};
