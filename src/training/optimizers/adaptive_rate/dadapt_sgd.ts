/** D-Adaptation of gradient descent, its steps as long as the first gradient says (arXiv 2301.07733), as dadaptation has it. */
import { add, affine, div, mul, select, sqrt, sub } from "../../../graph/mod.ts";
import { type Arguments, number, share } from "../arguments.ts";
import { withDecay } from "../formulas.ts";
import { type Numbers, type Optimizer, type Rule, rule } from "../optimizer.ts";
import { dAdaptationRows, grown, where } from "./shared_rate.ts";

function dadaptSgdRule({ momentum, weight_decay, d0, growth_rate }: Arguments): Rule {
  const rate = ({ d, g0_norm }: Numbers<"d" | "g0_norm">, lr: Numbers["lr"]) =>
    select(g0_norm, div(mul(d, lr), g0_norm), g0_norm);
  return rule({
    states: { s: 0, x0: 0 },
    hyper: ({ lr, step }) => ({ lr, first: step === 1 ? 1 : 0 }),
    shared: {
      numbers: { d: d0, numerator: 0, g0_norm: 0 },
      sums({ weight, grad, state: { s } }) {
        const g = withDecay(grad, weight, weight_decay);
        return { plain: mul(grad, grad), along: mul(g, s), gradients: mul(g, g), squares: mul(s, s) };
      },
      advance({ numbers, sums: { plain, along, gradients, squares }, hyper }) {
        const { d } = numbers, g0_norm = select(numbers.g0_norm, numbers.g0_norm, sqrt(plain));
        const dlr = rate({ d, g0_norm }, hyper.lr), numerator = add(numbers.numerator, mul(along, dlr));
        // of s + dlr g, before it is known what dlr is
        const length = add(squares, add(mul(affine(along, 2, 0), dlr), mul(gradients, mul(dlr, dlr))));
        const estimate = div(affine(numerator, 2, 0), sqrt(length));
        return where(length, { d: grown(d, estimate, growth_rate), numerator, g0_norm }, numbers);
      },
    },
    update({ weight, grad, state, hyper, numbers, next }) {
      const dlr = rate({ d: numbers.d, g0_norm: next.g0_norm }, hyper.lr);
      const s = add(state.s, mul(withDecay(grad, weight, weight_decay), dlr));
      const x0 = select(hyper.first, weight, state.x0), z = sub(x0, s);
      const mixed = add(affine(weight, momentum, 0), affine(z, 1 - momentum, 0));
      return { weight: momentum === 0 ? z : mixed, s, x0 };
    },
  });
}

export const dadaptSgd: Optimizer = {
  names: ["DAdaptSGD"],
  recorded: "dadaptation.dadapt_sgd.DAdaptSGD",
  args: { momentum: share(0), weight_decay: number(0), ...dAdaptationRows },
  rule: dadaptSgdRule,
};
