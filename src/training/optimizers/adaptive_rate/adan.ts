/** What the two D-Adaptations of Adan (arXiv 2208.06677) share: Adan itself, with d times the rate in its averages. */
import { add, affine, div, mul, select, sub, type Tensor } from "../../../graph/mod.ts";
import { type Arguments, flag, number, positive, type Rows, shares } from "../arguments.ts";
import type { Group, Next } from "../optimizer.ts";
import { blend, dAdaptationRows, rooted } from "./shared_rate.ts";

export type AdanStates = "exp_avg" | "exp_avg_diff" | "exp_avg_sq" | "s" | "pre_grad";
export type AdanHyper = "lr" | "seen";
export type AdanGroup<More extends string = never> = Omit<
  Group<AdanStates, AdanHyper, "d" | "begun" | More>,
  "next"
>;

export const adanRows: Rows = {
  betas: shares(0.98, 0.92, 0.99),
  eps: positive(1e-8),
  weight_decay: number(0.02),
  no_prox: flag(),
  ...dAdaptationRows,
};

export const adanStates: Record<AdanStates, number> = {
  exp_avg: 0,
  exp_avg_diff: 0,
  exp_avg_sq: 0,
  s: 0,
  pre_grad: 0,
};

export const adanHyper = ({ lr, step }: { lr: number; step: number }): Record<AdanHyper, number> => ({
  lr,
  seen: step > 1 ? 1 : 0,
});

/** The averages after the step; the first gradient has no difference. */
export function adanParts(args: Arguments, { grad, state, hyper, numbers }: AdanGroup) {
  const { betas: [beta1, beta2, beta3], eps } = args, dlr = mul(numbers.d, hyper.lr);
  const share = (beta: number) => affine(dlr, 1 - beta, 0);
  const change = sub(grad, select(mul(hyper.seen, numbers.begun), state.pre_grad, grad));
  const ahead = add(grad, affine(change, beta2, 0));
  const exp_avg_sq = add(affine(state.exp_avg_sq, beta3, 0), affine(mul(ahead, ahead), 1 - beta3, 0));
  return {
    dlr,
    exp_avg: blend(state.exp_avg, beta1, grad, share(beta1)),
    exp_avg_diff: blend(state.exp_avg_diff, beta2, change, share(beta2)),
    exp_avg_sq,
    s: blend(state.s, beta3, grad, share(beta3)),
    below: rooted(exp_avg_sq, eps),
  };
}

/** The step, for both; nothing has moved while the numbers say that it has not begun. */
export function adanUpdate(args: Arguments, group: AdanGroup, begun: Tensor): Next<AdanStates> {
  const { betas: [, beta2], weight_decay, no_prox } = args, { weight, grad } = group;
  const { dlr, below, ...states } = adanParts(args, group);
  const step = div(add(states.exp_avg, affine(states.exp_avg_diff, beta2, 0)), below);
  const decay = affine(dlr, weight_decay, 0);
  const next = no_prox
    ? sub(mul(weight, affine(decay, -1, 1)), step)
    : div(sub(weight, step), affine(decay, 1, 1));
  return { weight: select(begun, next, weight), ...states, pre_grad: grad };
}
