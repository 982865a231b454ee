/** torch.optim.NAdam: Adam with Nesterov's look ahead (Dozat, ICLR 2016 workshop). */
import { add, affine, div, mul, sqrt, sub } from "../../../graph/mod.ts";
import { flag, number, shares, torchRows } from "../arguments.ts";
import { downhill, lerp, meanSquare, rest, withDecay } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

export const nadam: Optimizer = {
  names: ["NAdam"],
  recorded: "torch.optim.nadam.NAdam",
  args: torchRows({
    betas: shares(0.9, 0.999),
    eps: number(1e-8),
    weight_decay: number(0),
    momentum_decay: number(4e-3),
    decoupled_weight_decay: flag(),
  }),
  rule: ({ betas: [beta1, beta2], eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize }) => {
    const mu = (beta: number, step: number) => beta * (1 - 0.5 * 0.96 ** (step * momentum_decay));
    return rule({
      states: { exp_avg: 0, exp_avg_sq: 0 },
      momentum: true,
      // the product of all so far, which PyTorch keeps as a state
      running: {
        start: { mu_product: 1 },
        next: ({ mu_product }, { step, momentum = beta1 }) => ({
          mu_product: mu_product * mu(momentum, step),
        }),
      },
      hyper: ({ lr, step, momentum = beta1, running: { mu_product } }) => ({
        beta1: momentum,
        beta2,
        ofGrad: lr * (1 - mu(momentum, step)) / (1 - mu_product),
        ofAverage: lr * mu(momentum, step + 1) / (1 - mu_product * mu(momentum, step + 1)),
        bias2: 1 - beta2 ** step,
        keep: decoupled_weight_decay ? 1 - lr * weight_decay : 1,
      }),
      update({ weight, grad, state, hyper }) {
        const start = mul(weight, hyper.keep);
        const g = withDecay(downhill(grad, maximize), start, decoupled_weight_decay ? 0 : weight_decay);
        const exp_avg = lerp(state.exp_avg, g, rest(hyper.beta1));
        const exp_avg_sq = meanSquare(state.exp_avg_sq, g, hyper.beta2);
        const root = affine(sqrt(div(exp_avg_sq, hyper.bias2)), 1, eps);
        const ahead = add(mul(g, hyper.ofGrad), mul(exp_avg, hyper.ofAverage));
        return { weight: sub(start, div(ahead, root)), exp_avg, exp_avg_sq };
      },
    });
  },
};
