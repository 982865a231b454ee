/**
 * Stochastic gradient descent with momentum: torch.optim.SGD, and sd-scripts' SGDNesterov, which is that with other
 * defaults.
 */
import { add, mul, sub } from "../../../graph/mod.ts";
import { type Arguments, flag, number, torchRows } from "../arguments.ts";
import { downhill, withDecay } from "../formulas.ts";
import { type Optimizer, type Rule, rule } from "../optimizer.ts";

const rows = (momentum: number, nesterov: boolean) =>
  torchRows({
    momentum: number(momentum),
    dampening: number(0),
    weight_decay: number(0),
    nesterov: flag(nesterov),
  });

/** The first step takes the gradient as it is, undamped. */
function sgdRule({ momentum: own, dampening, weight_decay, nesterov, maximize }: Arguments): Rule {
  if (own === 0) {
    return rule({
      states: {},
      hyper: ({ lr }) => ({ lr }),
      update: ({ weight, grad, hyper: { lr } }) => ({
        weight: sub(weight, mul(withDecay(downhill(grad, maximize), weight, weight_decay), lr)),
      }),
    });
  }
  return rule({
    states: { momentum_buffer: 0 },
    momentum: true,
    hyper: ({ lr, step, momentum = own }) => ({ lr, momentum, fresh: step === 1 ? 1 : 1 - dampening }),
    update({ weight, grad, state: { momentum_buffer }, hyper: { lr, momentum, fresh } }) {
      const g = withDecay(downhill(grad, maximize), weight, weight_decay);
      const buffer = add(mul(momentum_buffer, momentum), mul(g, fresh));
      const direction = nesterov ? add(g, mul(buffer, momentum)) : buffer;
      return { weight: sub(weight, mul(direction, lr)), momentum_buffer: buffer };
    },
  });
}

export const sgd: Optimizer = {
  names: ["SGD"],
  recorded: "torch.optim.sgd.SGD",
  args: rows(0, false),
  rule: sgdRule,
};

export const sgdNesterov: Optimizer = {
  names: ["SGDNesterov"],
  recorded: "torch.optim.sgd.SGD",
  args: rows(0.9, true),
  implied: { momentum: "0.9" },
  rule: sgdRule,
};
