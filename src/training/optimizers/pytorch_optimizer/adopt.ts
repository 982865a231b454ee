/** ADOPT: Adam that converges with any beta2 (arXiv 2411.02853), clipped by step^0.25, as pytorch_optimizer has it. */
import {
  affine,
  div,
  elements,
  maximum,
  mean,
  minimum,
  mul,
  reshape,
  select,
  sign,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "../../../graph/mod.ts";
import { computing, flag, number, shares } from "../arguments.ts";
import { atLeast, average, averageSquare } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";
import { decayed, decayNumbers, decayRows } from "./decay.ts";

export const adopt: Optimizer = {
  names: ["ADOPT", "pytorch_optimizer.ADOPT"],
  recorded: "pytorch_optimizer.optimizer.adopt.ADOPT",
  args: {
    betas: shares(0.9, 0.9999),
    eps: number(1e-6),
    cautious: flag(),
    stable_adamw: flag(),
    ...decayRows(0, false),
    ...computing("foreach"),
  },
  rule: (args) => {
    const { betas: [beta1, beta2], eps, cautious, stable_adamw } = args;
    return rule({
      states: { exp_avg: 0, exp_avg_sq: 0 },
      ...cautious || stable_adamw ? { stateShape: (_, shape) => shape } : {},
      momentum: true,
      hyper: ({ lr, step, momentum = beta1 }) => ({
        ...{ lr, eps, beta1: momentum, fresh1: 1 - momentum, ...decayNumbers(args, lr) },
        // the first step only looks at the gradient
        going: step === 1 ? 0 : 1,
        ...{ beta2: step === 1 ? 0 : beta2, fresh2: step === 1 ? 1 : 1 - beta2 },
        clip: step ** 0.25,
      }),
      update(group) {
        const { state, hyper } = group, { start, g } = decayed(group, args);
        const scaled = div(g, maximum(sqrt(state.exp_avg_sq), hyper.eps));
        const clipped = maximum(minimum(scaled, hyper.clip), affine(hyper.clip, -1, 0));
        const exp_avg = select(
          hyper.going,
          average(state.exp_avg, clipped, hyper.beta1, hyper.fresh1),
          state.exp_avg,
        );
        const direction = cautious ? agreeing(exp_avg, clipped) : exp_avg;
        const lr = stable_adamw ? div(hyper.lr, ratio(g, state.exp_avg_sq)) : hyper.lr;
        return {
          weight: select(hyper.going, sub(start, mul(direction, lr)), start),
          exp_avg,
          exp_avg_sq: averageSquare(state.exp_avg_sq, g, hyper.beta2, hyper.fresh2),
        };
      },
    });
  },
};

/** The update where it goes along the gradient, larger by what is left out (arXiv 2411.16085). */
function agreeing(update: Tensor, gradient: Tensor): Tensor {
  const agree = atLeast(sign(mul(update, gradient)), 0), count = reshape(sum(agree), [1]);
  return mul(update, div(affine(agree, elements(agree.shape), 0), affine(count, 1, 1)));
}

/** StableAdamW's divisor of the rate (arXiv 2304.13013), of the second moment before the step. */
const ratio = (g: Tensor, squares: Tensor): Tensor =>
  atLeast(sqrt(reshape(mean(div(square(g), atLeast(squares, 1e-16))), [1])), 1);
