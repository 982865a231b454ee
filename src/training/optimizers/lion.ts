/** Lion: the sign of a moving average (arXiv 2302.06675), as lion_pytorch has it. */
import { mul, sign, sub } from "../../graph/mod.ts";
import { computing, number, shares } from "./arguments.ts";
import { lerp, rest } from "./formulas.ts";
import { type Optimizer, rule } from "./optimizer.ts";

export const lion: Optimizer = {
  names: ["Lion"],
  recorded: "lion_pytorch.lion_pytorch.Lion",
  args: { betas: shares(0.9, 0.99), weight_decay: number(0), ...computing("use_triton") },
  rule: ({ betas: [beta1, beta2], weight_decay }) =>
    rule({
      states: { exp_avg: 0 },
      momentum: true,
      hyper: ({ lr, momentum = beta1 }) => ({ lr, beta1: momentum, beta2, keep: 1 - lr * weight_decay }),
      update({ weight, grad, state: { exp_avg }, hyper: { lr, beta1, beta2, keep } }) {
        const direction = sign(lerp(exp_avg, grad, rest(beta1)));
        return {
          weight: sub(mul(weight, keep), mul(direction, lr)),
          exp_avg: lerp(exp_avg, grad, rest(beta2)),
        };
      },
    }),
};
