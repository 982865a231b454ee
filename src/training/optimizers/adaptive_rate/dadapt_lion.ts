/** D-Adaptation of Lion, as dadaptation has it. */
import { abs, add, affine, div, mul, select, sign, sub } from "../../../graph/mod.ts";
import { computing, number, positive, shares } from "../arguments.ts";
import { type Group, type Optimizer, rule } from "../optimizer.ts";
import { blend, decayed, grown, where } from "./shared_rate.ts";

type Known = Omit<Group<"exp_avg" | "s", "lr", "d" | "numerator">, "next">;

export const dadaptLion: Optimizer = {
  names: ["DAdaptLion"],
  recorded: "dadaptation.dadapt_lion.DAdaptLion",
  args: {
    betas: shares(0.9, 0.99),
    weight_decay: number(0),
    d0: positive(1e-6),
    ...computing("fsdp_in_use", "log_every"),
  },
  rule: ({ betas: [beta1, beta2], weight_decay, d0 }) => {
    const root = Math.sqrt(beta2);
    const parts = ({ grad, state, hyper, numbers }: Known) => {
      const dlr = mul(numbers.d, hyper.lr);
      const direction = sign(add(affine(state.exp_avg, beta1, 0), affine(grad, 1 - beta1, 0)));
      return { dlr, direction, s: blend(state.s, root, direction, affine(dlr, 1 - root, 0)) };
    };
    return rule({
      states: { exp_avg: 0, s: 0 },
      hyper: ({ lr }) => ({ lr }),
      shared: {
        numbers: { d: d0, numerator: 0 },
        sums(group) {
          const { direction, s } = parts(group);
          return { along: mul(direction, group.state.s), length: abs(s) };
        },
        advance({ numbers, sums: { along, length }, hyper }) {
          const { d } = numbers, dlr = mul(d, hyper.lr);
          const numerator = blend(numbers.numerator, root, along, affine(dlr, 1 - root, 0));
          const estimate = div(numerator, affine(length, 1 - root, 0));
          return where(length, { d: select(hyper.lr, grown(d, estimate, Infinity), d), numerator }, numbers);
        },
        goesOnAtZero: true,
      },
      update(group) {
        const { dlr, direction, s } = parts(group);
        return {
          weight: sub(decayed(group.weight, dlr, weight_decay), mul(direction, dlr)),
          exp_avg: blend(group.state.exp_avg, beta2, group.grad, affine(dlr, 1 - beta2, 0)),
          s,
        };
      },
    });
  },
};
