/** torch.optim.Adadelta (arXiv 1212.5701). */
import { affine, div, mul, sqrt, sub } from "../../../graph/mod.ts";
import { number, share, torchRows } from "../arguments.ts";
import { downhill, meanSquare, withDecay } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

export const adadelta: Optimizer = {
  names: ["Adadelta"],
  recorded: "torch.optim.adadelta.Adadelta",
  args: torchRows({ rho: share(0.9), eps: number(1e-6), weight_decay: number(0) }),
  rule: ({ rho, eps, weight_decay, maximize }) =>
    rule({
      states: { square_avg: 0, acc_delta: 0 },
      hyper: ({ lr }) => ({ lr, rho }),
      update({ weight, grad, state, hyper: { lr, rho } }) {
        const g = withDecay(downhill(grad, maximize), weight, weight_decay);
        const square_avg = meanSquare(state.square_avg, g, rho);
        const delta = mul(div(sqrt(affine(state.acc_delta, 1, eps)), sqrt(affine(square_avg, 1, eps))), g);
        return {
          weight: sub(weight, mul(delta, lr)),
          square_avg,
          acc_delta: meanSquare(state.acc_delta, delta, rho),
        };
      },
    }),
};
