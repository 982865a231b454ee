/** D-Adaptation of Adan whose estimate is an inner product, as in DAdaptAdam; dadaptation keeps it as experimental. */
import { abs, affine, div, mul, select } from "../../../graph/mod.ts";
import { type AdanGroup, adanHyper, adanParts, adanRows, adanStates, adanUpdate } from "./adan.ts";
import { type Optimizer, rule } from "../optimizer.ts";
import { blend, grown, rooted, where } from "./shared_rate.ts";

export const dadaptAdanIp: Optimizer = {
  names: ["DAdaptAdanIP"],
  recorded: "dadaptation.experimental.dadapt_adan_ip.DAdaptAdanIP",
  args: adanRows,
  rule: (args) => {
    const { betas: [, , beta3], eps, d0, growth_rate } = args;
    return rule({
      states: adanStates,
      hyper: adanHyper,
      shared: {
        numbers: { d: d0, numerator: 0, begun: 0 },
        sums(group: AdanGroup<"numerator">) {
          const { grad, state } = group, below = rooted(state.exp_avg_sq, eps);
          return { along: div(mul(grad, state.s), below), length: abs(adanParts(args, group).s) };
        },
        advance({ numbers, sums: { along, length }, hyper }) {
          const { d } = numbers, dlr = mul(d, hyper.lr);
          const numerator = blend(numbers.numerator, beta3, along, affine(dlr, 1 - beta3, 0));
          const estimate = div(affine(numerator, 2 * beta3 / (1 - beta3), 0), length);
          const next = select(hyper.lr, grown(d, estimate, growth_rate), d);
          return where(length, { d: next, numerator, begun: affine(d, 0, 1) }, numbers);
        },
        goesOnAtZero: true,
      },
      update: (group) => adanUpdate(args, group, group.next.begun),
    });
  },
};
