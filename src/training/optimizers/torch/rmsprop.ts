/** torch.optim.RMSprop (Hinton's lecture 6; centered as in arXiv 1308.0850). */
import { add, affine, div, mul, sqrt, sub } from "../../../graph/mod.ts";
import { flag, number, torchRows } from "../arguments.ts";
import { downhill, lerp, meanSquare, rest, withDecay } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

export const rmsprop: Optimizer = {
  names: ["RMSprop"],
  recorded: "torch.optim.rmsprop.RMSprop",
  args: torchRows({
    alpha: number(0.99),
    eps: number(1e-8),
    weight_decay: number(0),
    momentum: number(0),
    centered: flag(),
  }),
  rule: ({ alpha, eps, weight_decay, momentum, centered, maximize }) => {
    const states = {
      square_avg: 0,
      ...momentum > 0 ? { momentum_buffer: 0 } : {},
      ...centered ? { grad_avg: 0 } : {},
    } as Record<"square_avg" | "momentum_buffer" | "grad_avg", number>;
    return rule({
      states,
      hyper: ({ lr }) => ({ lr, alpha }),
      update({ weight, grad, state, hyper: { lr, alpha } }) {
        const g = withDecay(downhill(grad, maximize), weight, weight_decay);
        const square_avg = meanSquare(state.square_avg, g, alpha);
        const grad_avg = centered ? lerp(state.grad_avg, g, rest(alpha)) : null;
        const variance = grad_avg ? sub(square_avg, mul(grad_avg, grad_avg)) : square_avg;
        const change = div(g, affine(sqrt(variance), 1, eps));
        const buffer = momentum > 0 ? add(affine(state.momentum_buffer, momentum, 0), change) : null;
        return {
          weight: sub(weight, mul(buffer ?? change, lr)),
          square_avg,
          ...buffer ? { momentum_buffer: buffer } : {},
          ...grad_avg ? { grad_avg } : {},
        };
      },
    });
  },
};
