/** bitsandbytes' RMSprop and Adagrad, whose one state is an average or a sum of squares. */
import { add, affine, div, mul, sqrt, sub } from "../../../graph/mod.ts";
import { type Arguments, number, only, positiveShare } from "../arguments.ts";
import { averageSquare, withDecay } from "../formulas.ts";
import { rule } from "../optimizer.ts";
import { classesOf } from "./classes.ts";

const rmsprops = classesOf({
  name: "RMSprop",
  file: "rmsprop",
  args: {
    alpha: positiveShare(0.99),
    eps: number(1e-8),
    weight_decay: number(0),
    // bitsandbytes knows nothing of it
    ...{ momentum: number(0), centered: only(false) },
  },
  // of all numbers that have a sign half are of no use here, but that is how bitsandbytes keeps it
  maps: { square_avg: "signed" },
  rule: ({ alpha, eps, weight_decay }: Arguments) =>
    rule({
      states: { square_avg: 0 },
      hyper: ({ lr }) => ({ lr, alpha, fresh: 1 - alpha }),
      update({ weight, grad, state, hyper: { lr, alpha, fresh } }) {
        const g = withDecay(grad, weight, weight_decay);
        const square_avg = averageSquare(state.square_avg, g, alpha, fresh);
        return { weight: sub(weight, mul(div(g, affine(sqrt(square_avg), 1, eps)), lr)), square_avg };
      },
    }),
});

const adagrads = classesOf({
  name: "Adagrad",
  file: "adagrad",
  bits: { "8bit": 8 },
  args: {
    eps: number(1e-10),
    weight_decay: number(0),
    ...{ lr_decay: only(0), initial_accumulator_value: only(0) },
  },
  maps: { sum: "signed" },
  rule: ({ eps, weight_decay }: Arguments) =>
    rule({
      states: { sum: 0 },
      hyper: ({ lr }) => ({ lr }),
      update({ weight, grad, state, hyper: { lr } }) {
        const g = withDecay(grad, weight, weight_decay), sum = add(state.sum, mul(g, g));
        return { weight: sub(weight, mul(div(g, affine(sqrt(sum), 1, eps)), lr)), sum };
      },
    }),
});

export const squares = [...rmsprops, ...adagrads];
