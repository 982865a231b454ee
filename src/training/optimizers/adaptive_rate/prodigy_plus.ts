/**
 * ProdigyPlusScheduleFree (the library prodigy-plus-schedule-free 2.0): Prodigy (arXiv 2306.06101) without a schedule
 * (arXiv 2405.15682). Each group estimates a rate of its own, from every eleventh weight; squares are kept as means of
 * rows and columns where a side has 32 and more (arXiv 1804.04235), and steps are made smaller by the root of their own
 * root mean square (after arXiv 2304.13013). Two things are other than in the library: the means' product is taken whichever
 * of two sides is the longer, which there leaves out the rows of matrices that are higher than wide, and what is kept of the
 * sample is float32.
 */
import {
  abs,
  add,
  affine,
  div,
  maximum,
  mean,
  minimum,
  mul,
  select,
  sqrt,
  square,
  sub,
  type Tensor,
} from "../../../graph/mod.ts";
import { flag, number, only, positive, positiveShares, share, whole } from "../arguments.ts";
import { atLeast, inverseRoot, lerp, rootMeanSquare } from "../formulas.ts";
import { type Group, type Optimizer, rule } from "../optimizer.ts";
import { settledAt, zOf } from "../schedule_free/average.ts";
import { blend, sampleOf, sampleShape } from "./shared_rate.ts";

const SAMPLE = 11, LEAST_SIDE = 32;

const KEPT = ["z", "exp_avg_sq", "exp_avg_sq_row", "exp_avg_sq_col", "p0", "s"] as const;
type States = typeof KEPT[number];
type Names = "d" | "d_numerator" | "weight_sum";
type Hyper = "lr" | "first" | "estimating" | "decay";
type Known = Omit<Group<States, Hyper, Names>, "next">;

/** The axes of the second longest side and of the longest; null where all are short. */
function factoredAxes(shape: readonly number[], factored: boolean): [number, number] | null {
  if (!factored || shape.length < 2 || shape.every((side) => side < LEAST_SIDE)) return null;
  const byLength = shape.map((side, axis) => ({ side, axis })).sort((a, b) =>
    a.side - b.side || a.axis - b.axis
  );
  return [byLength.at(-2)!.axis, byLength.at(-1)!.axis];
}

function shapeOf(name: States, shape: readonly number[], factored: boolean): readonly number[] | null {
  const axes = factoredAxes(shape, factored);
  switch (name) {
    case "z":
      return shape;
    case "exp_avg_sq":
      return axes ? null : shape;
    case "exp_avg_sq_row":
      return axes && shape.with(axes[1], 1);
    case "exp_avg_sq_col":
      return axes && shape.with(axes[0], 1);
    default:
      return sampleShape(shape, SAMPLE);
  }
}

const constant = (like: Tensor, x: number) => like.graph.constant(Float32Array.of(x), [1]);

export const prodigyPlus: Optimizer = {
  names: ["ProdigyPlusScheduleFree", "prodigyplus.ProdigyPlusScheduleFree"],
  recorded: "prodigyplus.prodigy_plus_schedulefree.ProdigyPlusScheduleFree",
  args: {
    betas: positiveShares(0.9, 0.99),
    beta3: share(null),
    weight_decay: number(0),
    weight_decay_by_lr: only(true),
    d0: positive(1e-6),
    d_coef: positive(1),
    d_limiter: flag(true),
    prodigy_steps: whole(0),
    schedulefree_c: number(0),
    eps: positive(1e-8),
    split_groups: only(true),
    split_groups_mean: only(false),
    factored: flag(true),
    use_bias_correction: only(false),
    use_stableadamw: flag(true),
    use_schedulefree: only(true),
    ...Object.fromEntries(
      ["speed", "cautious", "grams", "adopt", "orthograd", "focus"].map((
        what,
      ) => [`use_${what}`, only(false)]),
    ),
  },
  rule: (args) => {
    const { betas: [beta1, beta2], d0, d_coef, d_limiter, eps, factored, schedulefree_c: averaging } = args;
    const beta3: number = args.beta3 ?? Math.sqrt(beta2);
    // in d0's root, as the library has it; the estimate is a quotient
    const weightOf = ({ d }: Known["numbers"]) => affine(mul(d, d), 1 / Math.sqrt(d0), 0);
    const sampled = ({ weight, grad, state, hyper, numbers }: Known) => {
      const z = sampleOf(zOf(weight, state.z, hyper.first), SAMPLE), p0 = select(hyper.first, z, state.p0);
      const g = sampleOf(grad, SAMPLE);
      return { p0, g, z, s: blend(state.s, beta3, g, weightOf(numbers)) };
    };
    return rule({
      states: Object.fromEntries(KEPT.map((name) => [name, 0])) as Record<States, number>,
      stateShape: (name, shape) => shapeOf(name as States, shape, factored),
      settled: settledAt(beta1),
      hyper: ({ lr, step }) => ({
        lr,
        first: step === 1 ? 1 : 0,
        estimating: args.prodigy_steps > 0 && step >= args.prodigy_steps ? 0 : 1,
        decay: args.weight_decay,
      }),
      shared: {
        each: true,
        numbers: { d: d0, d_numerator: 0, weight_sum: 0 },
        sums(group) {
          const { p0, g, z, s } = sampled(group);
          return { toward: mul(mul(g, sub(p0, z)), weightOf(group.numbers)), length: abs(s) };
        },
        advance({ numbers, sums: { toward, length }, hyper }) {
          const { d } = numbers, rate = mul(d, hyper.lr), nothing = constant(d, 0);
          // what points away counts once the estimate has begun to grow
          const counted = select(
            maximum(affine(d, 1, -Math.fround(d0)), nothing),
            toward,
            maximum(toward, nothing),
          );
          const d_numerator = add(affine(numbers.d_numerator, beta3, 0), counted);
          const estimate = div(d_numerator, length);
          const limited = d_limiter ? minimum(affine(d, 2 ** 0.25, 0), estimate) : estimate;
          const grown = select(length, maximum(d, affine(limited, d_coef, 0)), d);
          return {
            d: select(hyper.estimating, grown, d),
            d_numerator: select(hyper.estimating, d_numerator, numbers.d_numerator),
            weight_sum: add(numbers.weight_sum, mul(rate, rate)),
          };
        },
      },
      update(group) {
        const { weight, state, hyper, numbers, next } = group, { d } = numbers, rate = mul(d, hyper.lr);
        const z = zOf(weight, state.z, hyper.first), { p0, s } = sampled(group);
        const { denominator, moments } = squares(group);
        const raw = div(mul(group.grad, d), add(denominator, affine(d, eps, 0)));
        const direction = args.use_stableadamw ? mul(raw, inverseRoot(sizeOf(raw))) : raw;
        const whole = div(mul(rate, rate), maximum(next.weight_sum, constant(d, 1e-38)));
        const part = averaging > 0
          ? minimum(affine(whole, (1 - beta1) * averaging, 0), constant(d, 1))
          : whole;
        const change = add(direction, mul(weight, hyper.decay));
        const pull = mul(rate, affine(part, beta1, 1 - beta1));
        return {
          weight: sub(lerp(weight, z, part), mul(change, pull)),
          z: sub(z, mul(change, rate)),
          ...{ p0, s, ...moments },
        };
      },
    });

    /** The root of the second moments, and these. */
    function squares({ grad, state, numbers: { d } }: Known) {
      const fresh = affine(mul(d, d), 1 - beta2, 0),
        axes = factoredAxes(grad.shape, factored),
        all = square(grad);
      if (!axes) {
        const exp_avg_sq = blend(state.exp_avg_sq, beta2, all, fresh);
        return { denominator: sqrt(exp_avg_sq), moments: { exp_avg_sq } };
      }
      const [second, longest] = axes;
      const exp_avg_sq_row = blend(state.exp_avg_sq_row, beta2, mean(all, [longest]), fresh);
      const exp_avg_sq_col = blend(state.exp_avg_sq_col, beta2, mean(all, [second]), fresh);
      const relative = div(exp_avg_sq_row, affine(mean(exp_avg_sq_row, [second]), 1, 1e-30));
      // two products with the gradient's shape, so that each broadcasts over one axis
      const ones = affine(grad, 0, 1);
      const denominator = sqrt(mul(mul(ones, relative), exp_avg_sq_col));
      return { denominator, moments: { exp_avg_sq_row, exp_avg_sq_col } };
    }
  },
};

/** The root mean square, 1 at least. */
const sizeOf = (x: Tensor): Tensor => atLeast(rootMeanSquare(x), 1);
