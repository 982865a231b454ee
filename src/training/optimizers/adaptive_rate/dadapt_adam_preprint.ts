/** D-Adaptation of Adam as its preprint first had it (arXiv 2301.07733v1); dadaptation keeps it as experimental. */
import { abs, add, affine, div, mul, sub } from "../../../graph/mod.ts";
import { type Arguments, flag, number, positive, shares } from "../arguments.ts";
import { withDecay } from "../formulas.ts";
import { type Group, type Optimizer, type Rule, rule } from "../optimizer.ts";
import { blend, dAdaptationRows, decayed, grown, rooted, where } from "./shared_rate.ts";

type Known = Omit<Group<"exp_avg" | "exp_avg_sq" | "s", "lr", "d" | "gsq_weighted">, "next">;

function preprintRule(args: Arguments): Rule {
  const { betas: [beta1, beta2], eps, weight_decay, decouple, d0, growth_rate } = args;
  const parts = ({ weight, grad, state, hyper, numbers }: Known) => {
    const g = withDecay(grad, weight, decouple ? 0 : weight_decay), dlr = mul(numbers.d, hyper.lr);
    const exp_avg_sq = add(affine(state.exp_avg_sq, beta2, 0), affine(mul(g, g), 1 - beta2, 0));
    const s = blend(state.s, beta2, g, affine(dlr, 1 - beta2, 0));
    return { g, dlr, exp_avg_sq, s, below: rooted(exp_avg_sq, eps) };
  };
  return rule({
    states: { exp_avg: 0, exp_avg_sq: 0, s: 0 },
    hyper: ({ lr }) => ({ lr }),
    shared: {
      numbers: { d: d0, gsq_weighted: 0 },
      sums(group) {
        const { g, s, below } = parts(group);
        return { gradients: div(mul(g, g), below), squares: div(mul(s, s), below), length: abs(s) };
      },
      advance({ numbers, sums: { gradients, squares, length }, hyper }) {
        const { d } = numbers, dlr = mul(d, hyper.lr);
        const gsq_weighted = blend(
          numbers.gsq_weighted,
          beta2,
          gradients,
          affine(mul(dlr, dlr), 1 - beta2, 0),
        );
        const estimate = div(sub(affine(squares, 1 / (1 - beta2), 0), gsq_weighted), length);
        return where(length, { d: grown(d, estimate, growth_rate), gsq_weighted }, numbers);
      },
    },
    update(group) {
      const { g, dlr, exp_avg_sq, s, below } = parts(group);
      const exp_avg = blend(group.state.exp_avg, beta1, g, affine(dlr, 1 - beta1, 0));
      const start = decayed(group.weight, dlr, decouple ? weight_decay : 0);
      return { weight: sub(start, div(exp_avg, below)), exp_avg, exp_avg_sq, s };
    },
  });
}

export const dadaptAdamPreprint: Optimizer = {
  names: ["DAdaptation", "DAdaptAdamPreprint"],
  recorded: "dadaptation.experimental.dadapt_adam_preprint.DAdaptAdamPreprint",
  args: {
    betas: shares(0.9, 0.999),
    eps: positive(1e-8),
    weight_decay: number(0),
    decouple: flag(),
    ...dAdaptationRows,
  },
  rule: preprintRule,
};
