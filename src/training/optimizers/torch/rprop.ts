/** torch.optim.Rprop: steps of their own for each weight, by the gradient's sign alone (Riedmiller and Braun, 1993). */
import { add, affine, maximum, minimum, mul, select, sign, sub } from "../../../graph/mod.ts";
import { range, torchRows } from "../arguments.ts";
import { downhill } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";

export const rprop: Optimizer = {
  names: ["Rprop"],
  recorded: "torch.optim.rprop.Rprop",
  args: torchRows({ etas: range(0.5, 1.2), step_sizes: range(1e-6, 50) }),
  rule: ({ etas: [less, more], step_sizes: [least, most], maximize }) =>
    rule({
      states: { prev: 0, step_size: 0 },
      hyper: ({ lr, step }) => ({ first: step === 1 ? lr : 0, least, most, less, more }),
      update({ weight, grad, state, hyper }) {
        const g = downhill(grad, maximize), agreement = sign(mul(g, state.prev));
        const [up, down] = [
          maximum(agreement, affine(agreement, 0, 0)),
          minimum(agreement, affine(agreement, 0, 0)),
        ];
        // 1 where the sign is new, `more` where it is the same, `less` where it has changed
        const factor = affine(add(affine(up, more - 1, 0), affine(down, 1 - less, 0)), 1, 1);
        const size = mul(add(state.step_size, hyper.first), factor);
        const step_size = minimum(maximum(size, hyper.least), hyper.most);
        const kept = select(down, affine(g, 0, 0), g);
        return { weight: sub(weight, mul(sign(kept), step_size)), prev: kept, step_size };
      },
    }),
};
