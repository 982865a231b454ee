/** torch.optim.Adagrad (Duchi et al., JMLR 2011). */
import { add, affine, div, mul, sqrt, sub } from "../../../graph/mod.ts";
import { number, torchRows } from "../arguments.ts";
import { downhill, withDecay } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

export const adagrad: Optimizer = {
  names: ["Adagrad"],
  recorded: "torch.optim.adagrad.Adagrad",
  args: torchRows({
    lr_decay: number(0),
    weight_decay: number(0),
    initial_accumulator_value: number(0),
    eps: number(1e-10),
  }),
  rule: ({ lr_decay, weight_decay, initial_accumulator_value, eps, maximize }) =>
    rule({
      states: { sum: initial_accumulator_value },
      hyper: ({ lr, step }) => ({ lr: lr / (1 + (step - 1) * lr_decay) }),
      update({ weight, grad, state, hyper: { lr } }) {
        const g = withDecay(downhill(grad, maximize), weight, weight_decay), sum = add(state.sum, mul(g, g));
        return { weight: sub(weight, mul(div(g, affine(sqrt(sum), 1, eps)), lr)), sum };
      },
    }),
};
