/** torch.optim.Adamax: Adam with the largest gradient in place of the mean square (arXiv 1412.6980, section 7.1). */
import { abs, affine, div, maximum, mul, sub } from "../../../graph/mod.ts";
import { number, shares, torchRows } from "../arguments.ts";
import { downhill, lerp, rest, withDecay } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

export const adamax: Optimizer = {
  names: ["Adamax"],
  recorded: "torch.optim.adamax.Adamax",
  args: torchRows({ betas: shares(0.9, 0.999), eps: number(1e-8), weight_decay: number(0) }),
  rule: ({ betas: [beta1, beta2], eps, weight_decay, maximize }) =>
    rule({
      states: { exp_avg: 0, exp_inf: 0 },
      momentum: true,
      hyper: ({ lr, step, momentum = beta1 }) => ({
        ...{ beta1: momentum, beta2 },
        step: lr / (1 - momentum ** step),
      }),
      update({ weight, grad, state, hyper: { beta1, beta2, step } }) {
        const g = withDecay(downhill(grad, maximize), weight, weight_decay);
        const exp_avg = lerp(state.exp_avg, g, rest(beta1));
        const exp_inf = maximum(mul(state.exp_inf, beta2), affine(abs(g), 1, eps));
        return { weight: sub(weight, mul(div(exp_avg, exp_inf), step)), exp_avg, exp_inf };
      },
    }),
};
