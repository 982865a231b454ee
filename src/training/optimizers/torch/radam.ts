/** torch.optim.RAdam: Adam that trusts the mean square once it has seen enough (arXiv 1908.03265). */
import { add, affine, div, mul, sqrt, sub } from "../../../graph/mod.ts";
import { flag, number, shares, torchRows } from "../arguments.ts";
import { downhill, lerp, meanSquare, rest, withDecay } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

/** The factor of the adaptive step, or null as long as the variance of the mean square is not known. */
function rectified(beta2: number, step: number): number | null {
  const most = 2 / (1 - beta2) - 1, length = most - 2 * step * beta2 ** step / (1 - beta2 ** step);
  if (!(length > 5)) return null;
  return Math.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length));
}

export const radam: Optimizer = {
  names: ["RAdam"],
  recorded: "torch.optim.radam.RAdam",
  args: torchRows({
    betas: shares(0.9, 0.999),
    eps: number(1e-8),
    weight_decay: number(0),
    decoupled_weight_decay: flag(),
  }),
  rule: ({ betas: [beta1, beta2], eps, weight_decay, decoupled_weight_decay, maximize }) =>
    rule({
      states: { exp_avg: 0, exp_avg_sq: 0 },
      momentum: true,
      hyper({ lr, step, momentum = beta1 }) {
        const factor = rectified(beta2, step), rate = lr / (1 - momentum ** step);
        return {
          beta1: momentum,
          beta2,
          plain: factor === null ? rate : 0,
          adaptive: factor === null ? 0 : rate * factor * Math.sqrt(1 - beta2 ** step),
          keep: decoupled_weight_decay ? 1 - lr * weight_decay : 1,
        };
      },
      update({ weight, grad, state, hyper }) {
        const start = mul(weight, hyper.keep);
        const g = withDecay(downhill(grad, maximize), start, decoupled_weight_decay ? 0 : weight_decay);
        const exp_avg = lerp(state.exp_avg, g, rest(hyper.beta1));
        const exp_avg_sq = meanSquare(state.exp_avg_sq, g, hyper.beta2);
        // eps keeps the unused way finite; an eps of 0 does not, where every gradient so far was 0
        const rate = add(div(hyper.adaptive, affine(sqrt(exp_avg_sq), 1, eps)), hyper.plain);
        return { weight: sub(start, mul(exp_avg, rate)), exp_avg, exp_avg_sq };
      },
    }),
};
