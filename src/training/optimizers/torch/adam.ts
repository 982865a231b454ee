/** torch.optim.Adam (arXiv 1412.6980), and AdamW (arXiv 1711.05101), whose decay does not go through the moments. */
import {
  adamw as adamwStep,
  type AdamwOperands,
  adamwOutcome,
  add,
  div,
  maximum,
  mul,
  sqrt,
  sub,
} from "../../../graph/mod.ts";
import { type Arguments, flag, number, shares, torchRows } from "../arguments.ts";
import { downhill, lerp, meanSquare, rest, withDecay } from "../formulas.ts";
import { type Instruction, type Operands, type Optimizer, type Rule, rule } from "../optimizer.ts";

const rows = (weightDecay: number) => ({
  betas: shares(0.9, 0.999),
  eps: number(1e-8),
  weight_decay: number(weightDecay),
  amsgrad: flag(),
});

type States = "exp_avg" | "exp_avg_sq" | "max_exp_avg_sq";

function adamRule(args: Arguments, decoupled: boolean): Rule {
  const { betas: [beta1, beta2], eps, weight_decay, amsgrad, maximize } = args;
  const states: Record<string, number> = {
    exp_avg: 0,
    exp_avg_sq: 0,
    ...amsgrad ? { max_exp_avg_sq: 0 } : {},
  };
  return rule({
    states: states as Record<States, number>,
    // the order of the op adamw's operand
    momentum: true,
    hyper: ({ lr, step, momentum = beta1 }) => ({
      ...{ lr, beta1: momentum, beta2, eps, decay: weight_decay },
      bias1: 1 - momentum ** step,
      bias2: 1 - beta2 ** step,
    }),
    update({ weight, grad, state, hyper: { lr, beta1, beta2, eps, decay, bias1, bias2 } }) {
      const g = withDecay(downhill(grad, maximize), weight, decoupled ? 0 : weight_decay);
      const exp_avg = lerp(state.exp_avg, g, rest(beta1)),
        exp_avg_sq = meanSquare(state.exp_avg_sq, g, beta2);
      const largest = amsgrad ? maximum(state.max_exp_avg_sq, exp_avg_sq) : exp_avg_sq;
      const change = div(exp_avg, add(div(sqrt(largest), sqrt(bias2)), eps));
      const start = decoupled ? mul(weight, rest(mul(lr, decay))) : weight;
      return {
        weight: sub(start, mul(change, div(lr, bias1))),
        exp_avg,
        exp_avg_sq,
        ...amsgrad ? { max_exp_avg_sq: largest } : {},
      };
    },
    ...decoupled && !amsgrad && !maximize ? { instruction } : {},
    ...eps === 0 ? { remedy: "give an eps above 0 (--optimizer_args eps=1e-8)" } : {},
  });
}

/** The op, for what most runs are. */
const instruction: Instruction = {
  outcome: (operands) => adamwOutcome(...inOrder(operands)),
  step: (operands) => adamwStep(...inOrder(operands)),
};

function inOrder({ weight, grad, state, hyper, scale }: Operands): AdamwOperands {
  return [weight, grad, state.exp_avg, state.exp_avg_sq, hyper, scale];
}

export const adam: Optimizer = {
  names: ["Adam"],
  recorded: "torch.optim.adam.Adam",
  args: torchRows({ ...rows(0), decoupled_weight_decay: flag() }),
  rule: (args) => adamRule(args, args.decoupled_weight_decay),
};

export const adamw: Optimizer = {
  names: ["AdamW"],
  recorded: "torch.optim.adamw.AdamW",
  args: torchRows(rows(0.01)),
  rule: (args) => adamRule(args, true),
};
