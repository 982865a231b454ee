/**
 * torch.optim.ASGD (Polyak and Juditsky, 1992). PyTorch works a step's rate out at the end of the step before, and so takes a
 * changed one a step later. It keeps an average of the weights too, which nothing reads.
 */
import { mul, sub } from "../../../graph/mod.ts";
import { number, torchRows } from "../arguments.ts";
import { downhill, withDecay } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

export const asgd: Optimizer = {
  names: ["ASGD"],
  recorded: "torch.optim.asgd.ASGD",
  args: torchRows({ lambd: number(1e-4), alpha: number(0.75), t0: number(1e6), weight_decay: number(0) }),
  rule: ({ lambd, alpha, weight_decay, maximize }) =>
    rule({
      states: {},
      running: {
        start: { eta: 0, upcoming: 0 },
        next: ({ upcoming }, { lr, step }) => ({
          eta: step === 1 ? lr : upcoming,
          upcoming: lr / (1 + lambd * lr * step) ** alpha,
        }),
      },
      hyper: ({ running: { eta } }) => ({ eta, keep: 1 - lambd * eta }),
      update: ({ weight, grad, hyper: { eta, keep } }) => ({
        weight: sub(mul(weight, keep), mul(withDecay(downhill(grad, maximize), weight, weight_decay), eta)),
      }),
    }),
};
