/** bitsandbytes' Lion (arXiv 2302.06675). */
import { mul, sign, sub } from "../../../graph/mod.ts";
import { number, shares } from "../arguments.ts";
import { average } from "../formulas.ts";
import { rule } from "../optimizer.ts";
import { classesOf } from "./classes.ts";

export const lions = classesOf({
  name: "Lion",
  file: "lion",
  paged: true,
  args: { betas: shares(0.9, 0.99), weight_decay: number(0) },
  maps: { exp_avg: "signed" },
  rule: ({ betas: [beta1, beta2], weight_decay }) =>
    rule({
      states: { exp_avg: 0 },
      momentum: true,
      hyper: ({ lr, momentum = beta1 }) => ({
        ...{ lr, beta1: momentum, fresh1: 1 - momentum, beta2, fresh2: 1 - beta2 },
        keep: 1 - lr * weight_decay,
      }),
      update({ weight, grad, state: { exp_avg }, hyper: { lr, beta1, fresh1, beta2, fresh2, keep } }) {
        const direction = sign(average(exp_avg, grad, beta1, fresh1));
        return {
          weight: sub(mul(weight, keep), mul(direction, lr)),
          exp_avg: average(exp_avg, grad, beta2, fresh2),
        };
      },
    }),
});
