/** D-Adaptation of Adagrad (arXiv 2301.07733), as dadaptation has it. */
import { abs, add, affine, div, mul, select, sub } from "../../../graph/mod.ts";
import { type Arguments, number, positive, share } from "../arguments.ts";
import { withDecay } from "../formulas.ts";
import { type Group, type Optimizer, type Rule, rule } from "../optimizer.ts";
import { dAdaptationRows, grown, rooted, where } from "./shared_rate.ts";

type Names = "d" | "gsq_weighted" | "sksq_weighted" | "skl1";
type Known = Omit<Group<"alphak" | "sk" | "x0", "lr" | "first", Names>, "next">;

function dadaptAdagradRule({ momentum, eps, weight_decay, d0, growth_rate }: Arguments): Rule {
  const parts = ({ weight, grad, state, hyper, numbers }: Known) => {
    const g = withDecay(grad, weight, weight_decay), alphak = add(state.alphak, mul(g, g));
    const sk = add(state.sk, mul(g, mul(numbers.d, hyper.lr)));
    return { g, alphak, sk, below: rooted(alphak, eps) };
  };
  return rule({
    states: { alphak: 1e-6, sk: 0, x0: 0 },
    hyper: ({ lr, step }) => ({ lr, first: step === 1 ? 1 : 0 }),
    shared: {
      numbers: { d: d0, gsq_weighted: 0, sksq_weighted: 0, skl1: 0 },
      sums(group) {
        const { g, sk, below } = parts(group), { sk: before, alphak } = group.state;
        return {
          gradients: div(mul(g, g), below),
          squares: sub(div(mul(sk, sk), below), div(mul(before, before), rooted(alphak, eps))),
          length: sub(abs(sk), abs(before)),
        };
      },
      advance({ numbers, sums: { gradients, squares, length }, hyper }) {
        const { d } = numbers, dlr = mul(d, hyper.lr);
        const gsq_weighted = add(numbers.gsq_weighted, mul(gradients, mul(dlr, dlr)));
        const sksq_weighted = add(numbers.sksq_weighted, squares), skl1 = add(numbers.skl1, length);
        const estimate = div(sub(sksq_weighted, gsq_weighted), skl1);
        const next = { gsq_weighted, sksq_weighted, skl1 };
        return where(skl1, { d: select(hyper.lr, grown(d, estimate, growth_rate), d), ...next }, numbers);
      },
      goesOnAtZero: true,
    },
    update(group) {
      const { weight, state, hyper } = group, { alphak, sk, below } = parts(group);
      const x0 = select(hyper.first, weight, state.x0), z = sub(x0, div(sk, below));
      const mixed = add(affine(weight, momentum, 0), affine(z, 1 - momentum, 0));
      return { weight: momentum === 0 ? z : mixed, alphak, sk, x0 };
    },
  });
}

export const dadaptAdagrad: Optimizer = {
  names: ["DAdaptAdaGrad"],
  recorded: "dadaptation.dadapt_adagrad.DAdaptAdaGrad",
  args: { momentum: share(0), eps: positive(1e-6), weight_decay: number(0), ...dAdaptationRows },
  rule: dadaptAdagradRule,
};
