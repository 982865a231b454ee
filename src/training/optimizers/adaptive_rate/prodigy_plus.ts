/**
 * ProdigyPlusScheduleFree (the library prodigy-plus-schedule-free 2.0): Prodigy (arXiv 2306.06101) without a schedule
 * (arXiv 2405.15682). Each group estimates a rate of its own, from every eleventh weight, of which bfloat16 is kept; squares
 * are kept as means of rows and columns where a side has 32 and more (arXiv 1804.04235), and steps are made smaller by the
 * root of their own root mean square (after arXiv 2304.13013). The means' product is taken whichever of two sides is the
 * longer; the library leaves the rows out where the first side is, which `compat` repeats.
 */
import {
  abs,
  add,
  affine,
  cast,
  div,
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
import {
  type Arguments,
  computing,
  flag,
  number,
  only,
  positive,
  positiveShares,
  share,
  whole,
} from "../arguments.ts";
import { atLeast, inverseRoot, lerp, rootMeanSquare } from "../formulas.ts";
import { type Group, type Optimizer, rule } from "../optimizer.ts";
import { settledAt, zOf } from "../schedule_free/average.ts";
import { rectifiedShare } from "../schedule_free/rectified.ts";
import { sampleOf, sampleShape } from "./shared_rate.ts";

const SAMPLE = 11, LEAST_SIDE = 32;

const KEPT = ["z", "exp_avg_sq", "exp_avg_sq_row", "exp_avg_sq_col", "p0", "s"] as const;
type States = typeof KEPT[number];
type Names = "d" | "d_numerator" | "weight_sum";
type Hyper = "lr" | "first" | "estimating" | "plain" | "beta2" | "fresh2";
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

/** As bfloat16 holds it. */
const half = (x: Tensor): Tensor => cast(cast(x, "bf16"), "f32");

const one = (x: Tensor): Tensor => reshape(sum(x), [1]);

const ARGS = {
  betas: positiveShares(0.9, 0.99),
  beta3: share(null),
  weight_decay: number(0),
  weight_decay_by_lr: flag(true),
  d0: positive(1e-6),
  d_coef: positive(1),
  d_limiter: flag(true),
  prodigy_steps: whole(0),
  schedulefree_c: number(0),
  eps: positive(1e-8),
  split_groups: flag(true),
  split_groups_mean: only(false),
  factored: flag(true),
  use_bias_correction: flag(),
  use_stableadamw: flag(true),
  use_schedulefree: only(true),
  use_speed: only(false),
  ...Object.fromEntries(
    ["cautious", "grams", "adopt", "orthograd", "focus"].map((what) => [`use_${what}`, flag()]),
  ),
  ...computing("factored_fp32", "stochastic_rounding", "fused_back_pass"),
};

export const prodigyPlus: Optimizer = {
  names: ["ProdigyPlusScheduleFree", "prodigyplus.ProdigyPlusScheduleFree"],
  recorded: "prodigyplus.prodigy_plus_schedulefree.ProdigyPlusScheduleFree",
  args: ARGS,
  rule: (args, compat = false) => {
    const { betas: [beta1, beta2], d0, d_coef, d_limiter, prodigy_steps } = args;
    const beta3: number = args.beta3 ?? Math.sqrt(beta2), factored = args.factored && !args.use_focus;
    // in d0's root, as the library has it; the estimate is a quotient
    const weightOf = ({ d }: Known["numbers"]) => affine(mul(d, d), 1 / Math.sqrt(d0), 0);
    const sampled = ({ weight, grad, state, hyper, numbers }: Known) => {
      const z = sampleOf(zOf(weight, state.z, hyper.first), SAMPLE), g = sampleOf(grad, SAMPLE);
      const s = half(add(half(affine(state.s, beta3, 0)), mul(g, weightOf(numbers))));
      return {
        ...{ z, g, p0: select(hyper.first, half(z), state.p0) },
        s: select(hyper.estimating, s, state.s),
      };
    };
    return rule({
      states: Object.fromEntries(KEPT.map((name) => [name, 0])) as Record<States, number>,
      stateShape: (name, shape) => shapeOf(name as States, shape, factored),
      settled: settledAt(beta1),
      hyper({ lr, step }) {
        // the first step of ADOPT (arXiv 2411.02853) only looks at the gradient
        const looking = args.use_adopt && step === 1,
          rate = correction(args, step),
          keep = looking ? 0 : rate.beta2;
        return {
          lr: looking ? 0 : lr * rate.share,
          first: step === 1 ? 1 : 0,
          estimating: looking || prodigy_steps > 0 && step >= prodigy_steps ? 0 : 1,
          plain: rate.plain ? 1 : 0,
          ...{ beta2: keep, fresh2: 1 - keep },
        };
      },
      shared: {
        each: args.split_groups,
        numbers: { d: d0, d_numerator: 0, weight_sum: 0 },
        sums(group) {
          const { p0, g, z, s } = sampled(group);
          return { toward: mul(mul(g, sub(p0, z)), weightOf(group.numbers)), length: half(one(abs(s))) };
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
        const { weight, state, hyper, numbers, next } = group, rate = mul(numbers.d, hyper.lr);
        const z = zOf(weight, state.z, hyper.first), { p0, s } = sampled(group);
        const { denominator, moments } = squaresOf(group, z, args, factored, compat);
        const whole = div(mul(rate, rate), maximum(next.weight_sum, constant(rate, 1e-38)));
        const c = args.schedulefree_c;
        const part = c > 0 ? minimum(affine(whole, (1 - beta1) * c, 0), constant(rate, 1)) : whole;
        const step = { direction: directionOf(group, z, denominator, args), rate, part };
        return { ...stepped(weight, z, step, args), p0, s, ...moments };
      },
    });
  },
};

/** RAdam's share of the rate and beta2 without its beginning; `plain` while the average is too short for it. */
function correction({ betas: [, beta2], use_bias_correction }: Arguments, step: number) {
  if (!use_bias_correction) return { share: 1, beta2, plain: false };
  const share = rectifiedShare(beta2, step);
  return { share: share ?? 0, beta2: 1 - (1 - beta2) / (1 - beta2 ** step), plain: share === null };
}

/** What a gradient is divided by, and the second moments after the step; of focus the weights' average in their place. */
function squaresOf(
  { grad, state, hyper, numbers: { d } }: Known,
  z: Tensor,
  args: Arguments,
  factored: boolean,
  compat: boolean,
) {
  const fresh = mul(mul(d, d), hyper.fresh2), axes = factoredAxes(grad.shape, factored), all = square(grad);
  const kept = (before: Tensor, x: Tensor) => add(mul(before, hyper.beta2), mul(x, fresh));
  if (!axes) {
    const exp_avg_sq = kept(state.exp_avg_sq, args.use_focus ? z : all);
    const seen = args.use_adopt ? state.exp_avg_sq : exp_avg_sq;
    return { denominator: args.use_focus ? seen : sqrt(seen), moments: { exp_avg_sq } };
  }
  const [second, longest] = axes;
  const exp_avg_sq_row = kept(state.exp_avg_sq_row, mean(all, [longest]));
  const exp_avg_sq_col = kept(state.exp_avg_sq_col, mean(all, [second]));
  const [row, col] = args.use_adopt
    ? [state.exp_avg_sq_row, state.exp_avg_sq_col]
    : [exp_avg_sq_row, exp_avg_sq_col];
  const over = compat && second > longest ? second - 1 : second;
  const relative = div(row, affine(mean(row, [over]), 1, 1e-30));
  // two products with the gradient's shape, so that each broadcasts over one axis
  const ones = affine(grad, 0, 1);
  return { denominator: sqrt(mul(mul(ones, relative), col)), moments: { exp_avg_sq_row, exp_avg_sq_col } };
}

/** Where a step goes. */
function directionOf(
  { grad, hyper, numbers: { d } }: Known,
  z: Tensor,
  below: Tensor,
  args: Arguments,
): Tensor {
  const scaled = args.use_focus
    ? sub(sign(grad), affine(sign(sub(below, z)), 0.1, 0)) // arXiv 2501.12243
    : div(mul(grad, d), add(below, affine(d, args.eps, 0)));
  const plain = args.use_bias_correction ? select(hyper.plain, grad, scaled) : scaled;
  const across = args.use_orthograd ? orthogonal(plain, z) : plain;
  return args.use_stableadamw ? mul(across, inverseRoot(atLeast(rootMeanSquare(across), 1))) : across;
}

/** What of x is at a right angle to w, as long as x (arXiv 2501.04697). */
function orthogonal(x: Tensor, w: Tensor): Tensor {
  const along = div(one(mul(w, x)), affine(one(square(w)), 1, 1e-30)), rest = sub(x, mul(w, along));
  return mul(rest, div(sqrt(one(square(x))), affine(sqrt(one(square(rest))), 1, 1e-30)));
}

/** y and z after the step; `part` of the way y goes to z. */
function stepped(
  y: Tensor,
  z: Tensor,
  { direction, rate, part }: Readonly<Record<"direction" | "rate" | "part", Tensor>>,
  args: Arguments,
): { weight: Tensor; z: Tensor } {
  const { betas: [beta1], weight_decay: decay, weight_decay_by_lr: byRate } = args;
  const share = affine(part, beta1, 1 - beta1), still = decay === 0 || byRate ? null : affine(y, decay, 0);
  const change = decay === 0 || !byRate ? direction : add(direction, affine(y, decay, 0));
  const on = sub(z, mul(change, rate)), pull = mul(rate, share);
  const moved = args.use_cautious || args.use_grams
    ? sub(y, choosy(add(mul(sub(y, z), part), mul(change, pull)), change, args))
    : sub(lerp(y, z, part), mul(change, pull));
  return still ? { weight: sub(moved, mul(still, share)), z: sub(on, still) } : { weight: moved, z: on };
}

/** Only where step and direction agree (arXiv 2411.16085), or as far as the step where the direction says (2412.17107). */
function choosy(step: Tensor, direction: Tensor, { use_cautious }: Arguments): Tensor {
  if (!use_cautious) return mul(abs(step), sign(direction));
  const agree = atLeast(sign(mul(direction, step)), 0);
  return mul(step, div(agree, atLeast(reshape(mean(agree), [1]), 1e-3)));
}
