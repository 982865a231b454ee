/**
 * The estimate of the rate, d: Prodigy's quotient of how far gradients point towards the start and how long they are, of every
 * eleventh weight, of which bfloat16 is kept. With use_speed it grows by how the first alone does, a parameter's own in
 * proportion to the furthest that it has been.
 */
import {
  abs,
  add,
  affine,
  cast,
  div,
  maximum,
  minimum,
  mul,
  select,
  sqrt,
  square,
  sub,
  type Tensor,
} from "../../../../graph/mod.ts";
import type { Shared } from "../../optimizer.ts";
import { atLeast } from "../../formulas.ts";
import { sampleOf, sampleShape } from "../shared_rate.ts";
import {
  type Before,
  constant,
  type Given,
  type Hyper,
  type Names,
  one,
  rateOf,
  type States,
  times,
} from "./group.ts";

const SAMPLE = 11, GROWTH = 2 ** 0.25;

/** As bfloat16 holds it. */
const half = (x: Tensor): Tensor => cast(cast(x, "bf16"), "f32");

/** What the estimate keeps of a parameter. */
export const estimateShape = (name: States, shape: readonly number[]): number[] =>
  name === "p0" || name === "s" ? sampleShape(shape, SAMPLE) : [1];

const beta3Of = ({ beta3, betas }: Given): number => beta3 ?? Math.sqrt(betas[1]);

/** Its states after the step, and what a parameter adds to the sums; `at` are the weights that it looks at. */
export function estimated(group: Before, at: Tensor, args: Given) {
  const { grad, state, hyper, numbers: { d } } = group;
  const z = sampleOf(at, SAMPLE), g = sampleOf(grad, SAMPLE);
  const p0 = select(hyper.first, half(z), state.p0), away = sub(p0, z), dot = one(mul(g, away));
  // in d0's root, as the library has it; the estimate is a quotient
  const weight = times(mul(d, d), 1 / Math.sqrt(args.d0));
  const going = (next: Tensor, before: Tensor) => select(hyper.estimating, next, before);
  if (!args.use_speed) {
    const s = half(add(half(times(state.s, beta3Of(args))), mul(g, weight)));
    return {
      sums: { toward: mul(dot, weight), length: half(one(abs(s))) },
      kept: { p0, s: going(s, state.s) },
    };
  }
  const before = select(hyper.begun, state.exp_avg_x0_dot, dot);
  const exp_avg_x0_dot = add(mul(before, hyper.slow), mul(dot, affine(hyper.slow, -1, 1)));
  const furthest = (now: Tensor, before: Tensor) => maximum(now, atLeast(before, 1e-8));
  const l1 = furthest(one(abs(away)), state.max_x0_minus_l1_norm);
  const l2 = furthest(sqrt(one(square(away))), state.max_x0_minus_l2_norm);
  const toward = div(mul(exp_avg_x0_dot, weight), mul(square(affine(l2, 1, 1)), l1));
  return {
    sums: { toward, length: l2 },
    kept: {
      p0,
      exp_avg_x0_dot: going(exp_avg_x0_dot, state.exp_avg_x0_dot),
      max_x0_minus_l1_norm: going(l1, state.max_x0_minus_l1_norm),
      max_x0_minus_l2_norm: going(l2, state.max_x0_minus_l2_norm),
    },
  };
}

/** The numbers of a group, or of all. */
export function estimate(
  args: Given,
  weights: (group: Before) => Tensor,
): Shared<States, Hyper, Names, "toward" | "length"> {
  const { d0, split_groups: each, split_groups_mean, use_speed, use_schedulefree } = args;
  const joins = each && split_groups_mean;
  return {
    each,
    numbers: {
      d: d0,
      ...joins ? { d_shared: d0 } : {},
      d_numerator: 0,
      ...use_speed ? { max_d_numerator: 0 } : {},
      ...use_schedulefree ? { weight_sum: 0 } : {},
    } as Record<Names, number>,
    sums: (group) => estimated(group, weights(group), args).sums,
    advance({ numbers, sums, hyper }) {
      const { d } = numbers, rate = rateOf({ hyper, numbers }), nothing = constant(d, 0);
      // what points away counts once the estimate has begun to grow
      const counted = select(
        maximum(affine(d, 1, -Math.fround(d0)), nothing),
        sums.toward,
        maximum(sums.toward, nothing),
      );
      const d_numerator = add(times(numbers.d_numerator, beta3Of(args)), counted);
      const grown = use_speed
        ? faster(numbers, d_numerator, args)
        : quotient(d, d_numerator, sums.length, args);
      const going = (next: Tensor, before: Tensor) => select(hyper.estimating, next, before);
      return {
        ...numbers, // the mean of all groups is made of them after the step
        d: going(grown, d),
        d_numerator: going(d_numerator, numbers.d_numerator),
        ...use_speed
          ? { max_d_numerator: going(maximum(d_numerator, numbers.max_d_numerator), numbers.max_d_numerator) }
          : {},
        ...use_schedulefree ? { weight_sum: add(numbers.weight_sum, mul(rate, rate)) } : {},
      };
    },
    ...joins ? { joined: ({ d }) => ({ d_shared: d.length / d.reduce((sum, x) => sum + 1 / x, 0) }) } : {},
  };
}

function quotient(d: Tensor, numerator: Tensor, length: Tensor, { d_limiter, d_coef }: Given): Tensor {
  const found = div(numerator, length), limited = d_limiter ? minimum(times(d, GROWTH), found) : found;
  return select(length, maximum(d, times(limited, d_coef)), d);
}

/** By the root of the numerator's growth, where it is larger than ever. */
function faster(
  { d, d_numerator: before, max_d_numerator: most }: Readonly<Record<Names, Tensor>>,
  numerator: Tensor,
  { d_coef }: Given,
): Tensor {
  const nothing = constant(d, 0), zeroed = (x: Tensor) => maximum(x, nothing);
  const ratio = div(zeroed(numerator), select(zeroed(before), before, constant(d, 1)));
  const growth = times(minimum(sqrt(ratio), constant(d, GROWTH)), d_coef ** 0.125);
  const grown = maximum(d, mul(d, growth));
  // numerator >= most, numerator > 0 and before > 0
  const below = zeroed(sub(most, numerator));
  return select(below, d, select(zeroed(numerator), select(zeroed(before), grown, d), d));
}
