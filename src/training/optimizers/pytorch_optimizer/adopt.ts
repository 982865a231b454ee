/** ADOPT: Adam that converges with any beta2 (arXiv 2411.02853), clipped by step^0.25, as pytorch_optimizer has it. */
import { affine, div, maximum, minimum, mul, select, sqrt, sub } from "../../../graph/mod.ts";
import { number, shares } from "../arguments.ts";
import { average, averageSquare } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";
import { decayed, decayNumbers, decayRows } from "./decay.ts";

export const adopt: Optimizer = {
  names: ["ADOPT", "pytorch_optimizer.ADOPT"],
  recorded: "pytorch_optimizer.optimizer.adopt.ADOPT",
  args: { betas: shares(0.9, 0.9999), eps: number(1e-6), ...decayRows(0, false) },
  rule: (args) => {
    const { betas: [beta1, beta2], eps } = args;
    return rule({
      states: { exp_avg: 0, exp_avg_sq: 0 },
      hyper: ({ lr, step }) => ({
        ...{ lr, eps, beta1, fresh1: 1 - beta1, ...decayNumbers(args, lr) },
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
        return {
          weight: select(hyper.going, sub(start, mul(exp_avg, hyper.lr)), start),
          exp_avg,
          exp_avg_sq: averageSquare(state.exp_avg_sq, g, hyper.beta2, hyper.fresh2),
        };
      },
    });
  },
};
