/** Prodigy: Adam whose rate follows from the distance covered so far (arXiv 2306.06101), as prodigyopt has it. */
import { abs, add, affine, div, maximum, mul, select, sqrt, sub, type Tensor } from "../../../graph/mod.ts";
import { type Arguments, flag, number, positive, share, shares, whole } from "../arguments.ts";
import { average, withDecay } from "../formulas.ts";
import { type Group, type Optimizer, type Rule, rule } from "../optimizer.ts";
import {
  biasNumbers,
  blend,
  decayed,
  estimateRows,
  limited,
  nextBiases,
  sampleOf,
  sampleShape,
  scaledRate,
  where,
} from "./shared_rate.ts";

type States = "exp_avg" | "exp_avg_sq" | "s" | "p0";
type Names = "d" | "d_max" | "d_numerator" | "bias1" | "bias2";
type Known = Omit<Group<States, "lr" | "first" | "beta1" | "fresh1", Names>, "next">;

function prodigyRule(args: Arguments): Rule {
  const { betas, eps, weight_decay, decouple, use_bias_correction, safeguard_warmup } = args;
  const { d0, d_coef, growth_rate, slice_p } = args, [beta1, beta2] = betas;
  /** What the estimate looks at of all weights. */
  const sample = (x: Tensor) => slice_p === 1 ? x : sampleOf(x, slice_p);
  const beta3: number = args.beta3 ?? Math.sqrt(beta2);
  const shares = ({ numbers, hyper }: Pick<Known, "numbers" | "hyper">) => {
    const dlr = scaledRate(numbers, hyper.lr, betas);
    // in d0's, lest they become too small for float32
    return { dlr, covered: mul(affine(numbers.d, 1 / d0, 0), dlr) };
  };
  const parts = ({ weight, grad, state, hyper, numbers }: Known) => {
    const g = withDecay(grad, weight, decouple ? 0 : weight_decay), { covered } = shares({ numbers, hyper });
    const { d } = numbers, of = safeguard_warmup ? mul(affine(d, 1 / d0, 0), d) : covered;
    const seen = { g: sample(g), weight: sample(weight) };
    return { g, seen, p0: select(hyper.first, seen.weight, state.p0), s: blend(state.s, beta3, seen.g, of) };
  };
  return rule({
    states: { exp_avg: 0, exp_avg_sq: 0, s: 0, p0: 0 },
    ...slice_p > 1 && {
      stateShape: (name, shape) => name === "s" || name === "p0" ? sampleShape(shape, slice_p) : shape,
    },
    // the corrections are products of betas that stay
    ...use_bias_correction ? {} : { momentum: true },
    hyper: ({ lr, step, momentum = beta1 }) => ({
      ...{ lr, first: step === 1 ? 1 : 0 },
      ...{ beta1: momentum, fresh1: 1 - momentum },
    }),
    shared: {
      numbers: { d: d0, d_max: d0, d_numerator: 0, ...biasNumbers(use_bias_correction) },
      sums(group) {
        const { seen, p0, s } = parts(group);
        return { toward: mul(seen.g, sub(p0, seen.weight)), length: abs(s) };
      },
      advance({ numbers, sums: { toward, length }, hyper }) {
        const { d, ...rest } = numbers;
        const d_numerator = blend(rest.d_numerator, beta3, toward, shares({ numbers, hyper }).covered);
        const estimate = div(affine(d_numerator, d_coef, 0), length);
        const d_max = maximum(rest.d_max, estimate);
        // the first estimate that is above d0 is taken as it is
        const begun = select(affine(d, 1, -Math.fround(d0)), d, maximum(d, estimate));
        const next = { d: limited(d_max, begun, growth_rate), d_max, d_numerator };
        return where(length, { ...next, ...nextBiases(numbers, beta1, beta2) }, numbers);
      },
    },
    update(group) {
      const { weight, state, hyper, numbers, next } = group, { g, p0, s } = parts(group), { d } = numbers;
      const { dlr } = shares({ numbers, hyper });
      const exp_avg = average(state.exp_avg, g, hyper.beta1, mul(d, hyper.fresh1));
      const exp_avg_sq = blend(state.exp_avg_sq, beta2, mul(g, g), affine(mul(d, d), 1 - beta2, 0));
      const change = div(exp_avg, add(sqrt(exp_avg_sq), affine(next.d, eps, 0)));
      const start = decayed(weight, dlr, decouple ? weight_decay : 0);
      return { weight: sub(start, mul(change, dlr)), exp_avg, exp_avg_sq, s, p0 };
    },
  });
}

export const prodigy: Optimizer = {
  names: ["Prodigy"],
  recorded: "prodigyopt.prodigy.Prodigy",
  args: {
    betas: shares(0.9, 0.999),
    beta3: share(null),
    eps: positive(1e-8),
    weight_decay: number(0),
    decouple: flag(true),
    use_bias_correction: flag(),
    safeguard_warmup: flag(),
    ...estimateRows,
    d_coef: positive(1),
    slice_p: whole(1, 1),
  },
  rule: prodigyRule,
};
