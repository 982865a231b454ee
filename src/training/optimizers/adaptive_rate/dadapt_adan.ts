/** D-Adaptation of Adan, as dadaptation has it. */
import { abs, affine, div, mul, select, sub } from "../../../graph/mod.ts";
import { type AdanGroup, adanHyper, adanParts, adanRows, adanStates, adanUpdate } from "./adan.ts";
import { type Optimizer, rule } from "../optimizer.ts";
import { blend, grown, where } from "./shared_rate.ts";

export const dadaptAdan: Optimizer = {
  names: ["DAdaptAdan"],
  recorded: "dadaptation.dadapt_adan.DAdaptAdan",
  args: adanRows,
  rule: (args) => {
    const { betas: [, , beta3], d0, growth_rate } = args;
    return rule({
      states: adanStates,
      hyper: adanHyper,
      shared: {
        numbers: { d: d0, gsq_weighted: 0, begun: 0 },
        sums(group: AdanGroup<"gsq_weighted">) {
          const { s, below } = adanParts(args, group), { grad } = group;
          return { gradients: div(mul(grad, grad), below), squares: div(mul(s, s), below), length: abs(s) };
        },
        advance({ numbers, sums: { gradients, squares, length }, hyper }) {
          const { d } = numbers, dlr = mul(d, hyper.lr);
          const gsq_weighted = blend(
            numbers.gsq_weighted,
            beta3,
            gradients,
            affine(mul(dlr, dlr), 1 - beta3, 0),
          );
          const estimate = div(sub(affine(squares, 1 / (1 - beta3), 0), gsq_weighted), length);
          const next = select(hyper.lr, grown(d, estimate, growth_rate), d);
          return where(length, { d: next, gsq_weighted, begun: affine(d, 0, 1) }, numbers);
        },
        goesOnAtZero: true,
      },
      update: (group) => adanUpdate(args, group, group.next.begun),
    });
  },
};
