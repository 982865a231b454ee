/**
 * bitsandbytes' SGD with momentum, and sd-scripts' SGDNesterov8bit, which is that: bitsandbytes takes `nesterov` and knows
 * nothing of it.
 */
import { mul, sub } from "../../../graph/mod.ts";
import { type Arguments, flag, number, positiveShare } from "../arguments.ts";
import { average, withDecay } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";
import { classesOf, type Formula, stateRows, withBits } from "./classes.ts";

const formula: Formula = {
  name: "SGD",
  file: "sgd",
  args: {
    momentum: positiveShare(0.9),
    weight_decay: number(0),
    // taken, and nothing is known of them
    ...{ dampening: number(0), nesterov: flag() },
  },
  maps: { momentum_buffer: "signed" },
  rule: ({ momentum: own, weight_decay }: Arguments) =>
    rule({
      states: { momentum_buffer: 0 },
      momentum: true,
      hyper: ({ lr, momentum = own }) => ({ lr, momentum, fresh: 1 }),
      update({ weight, grad, state, hyper: { lr, momentum, fresh } }) {
        const g = withDecay(grad, weight, weight_decay);
        const momentum_buffer = average(state.momentum_buffer, g, momentum, fresh);
        return { weight: sub(weight, mul(momentum_buffer, lr)), momentum_buffer };
      },
    }),
};

const nesterov8bit: Optimizer = {
  names: ["SGDNesterov8bit"],
  recorded: "bitsandbytes.optim.sgd.SGD8bit",
  args: { ...formula.args, ...stateRows },
  implied: { momentum: "0.9" },
  rule: (args) => withBits(formula, args, true),
};

export const sgds = [...classesOf(formula), nesterov8bit];
