/** Tiger: the sign of one moving average (Su 2023, kexue.fm/archives/9512), as pytorch_optimizer has it. */
import { mul, sign, sub } from "../../../graph/mod.ts";
import { computing, share } from "../arguments.ts";
import { average } from "../formulas.ts";
import { type Optimizer, rule } from "../optimizer.ts";
import { decayed, decayNumbers, decayRows } from "./decay.ts";

export const tiger: Optimizer = {
  names: ["Tiger", "pytorch_optimizer.Tiger"],
  recorded: "pytorch_optimizer.optimizer.tiger.Tiger",
  args: { beta: share(0.965), ...decayRows(0.01, true), ...computing("foreach") },
  rule: (args) =>
    rule({
      states: { exp_avg: 0 },
      hyper: ({ lr }) => ({ lr, beta: args.beta, fresh: 1 - args.beta, ...decayNumbers(args, lr) }),
      update(group) {
        const { start, g } = decayed(group, args), { lr, beta, fresh } = group.hyper;
        const exp_avg = average(group.state.exp_avg, g, beta, fresh);
        return { weight: sub(start, mul(sign(exp_avg), lr)), exp_avg };
      },
    }),
};
