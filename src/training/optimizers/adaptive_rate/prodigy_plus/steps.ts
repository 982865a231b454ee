/** Where a step goes, and how far. */
import {
  abs,
  add,
  affine,
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
  type Tensor,
} from "../../../../graph/mod.ts";
import { atLeast, inverseRoot, lerp, rootMeanSquare, SMALLEST } from "../../formulas.ts";
import type { Next } from "../../optimizer.ts";
import {
  type Before,
  constant,
  type Given,
  one,
  rateOf,
  type States,
  type Stepping,
  times,
} from "./group.ts";
import { squaresOf } from "./squares.ts";

/** The step of y and z (arXiv 2405.15682): what is trained and what takes the steps. */
export function scheduleFreeStep(group: Stepping, z: Tensor, args: Given): Next<States> {
  const { weight, grad, hyper, numbers, next } = group, { betas: [beta1], schedulefree_c: c } = args;
  const { denominator, moments } = squaresOf(group, z, args), rate = rateOf(group);
  const scaled = divided(args.use_focus ? grad : mul(grad, numbers.d), denominator, group, z, args);
  const plain = args.use_bias_correction ? select(hyper.plain, grad, scaled) : scaled;
  const whole = div(mul(rate, rate), maximum(next.weight_sum, constant(rate, 1e-38)));
  const part = c > 0 ? minimum(times(whole, (1 - beta1) * c), constant(rate, 1)) : whole;
  const step = { direction: steady(plain, z, args), rate, part, decay: hyper.decay };
  return { ...averaged(weight, z, step, args), ...moments };
}

/** The step with a first moment, and a schedule of the rate. */
export function plainStep(group: Stepping, args: Given): Next<States> {
  const { weight, grad, state, hyper, numbers: { d } } = group, { betas: [beta1], compat } = args;
  const { denominator, moments } = squaresOf(group, weight, args), rate = rateOf(group);
  const g = args.use_adopt ? within(divided(grad, denominator, group, weight, args), hyper.clip) : grad;
  const moved = add(times(state.exp_avg, beta1), mul(g, times(d, 1 - beta1)));
  const exp_avg = args.use_adopt ? select(hyper.looking, state.exp_avg, moved) : moved;
  const chosen = args.use_cautious && compat ? mul(g, exp_avg) : choosy(exp_avg, g, args);
  const direction = args.use_adopt ? chosen : divided(chosen, denominator, group, weight, args);
  const lost = args.weight_decay_by_lr ? mul(rate, hyper.decay) : hyper.decay;
  const start = args.weight_decay === 0 ? weight : mul(weight, affine(lost, -1, 1));
  return { weight: sub(start, mul(steady(direction, weight, args), rate)), exp_avg, ...moments };
}

/** Each within [-limit, limit]. */
const within = (x: Tensor, limit: Tensor): Tensor => maximum(minimum(x, limit), times(limit, -1));

/** x by what the squares give. */
function divided(x: Tensor, below: Tensor, { numbers: { d } }: Before, at: Tensor, args: Given): Tensor {
  if (args.use_focus) return sub(sign(x), times(sign(sub(below, at)), 0.1)); // arXiv 2501.12243
  if (args.eps === null) return times(arcTangent(x, below), 1.2732395);
  return div(x, add(below, times(d, args.eps)));
}

/**
 * atan2(y, x) of x >= 0 (Adam-atan2, arXiv 2407.05872), to float32's last places: the angle is halved twice, and of what is
 * left, at most tan(pi / 16), a few terms of the series are enough.
 */
function arcTangent(y: Tensor, x: Tensor): Tensor {
  const length = abs(y), long = maximum(length, x), short = minimum(length, x);
  const halved = (t: Tensor) => div(t, affine(sqrt(affine(square(t), 1, 1)), 1, 1));
  const t = halved(halved(div(short, atLeast(long, SMALLEST)))), t2 = square(t);
  const series = [1 / 9, -1 / 7, 1 / 5, -1 / 3, 1].reduce<Tensor | number>(
    (sum, term) => typeof sum === "number" ? affine(t2, sum, term) : affine(mul(sum, t2), 1, term),
    -1 / 11,
  ) as Tensor;
  const angle = times(mul(t, series), 4), steep = maximum(sub(length, x), times(x, 0));
  return mul(sign(y), select(steep, affine(angle, -1, Math.PI / 2), angle));
}

/** At a right angle to the weights and of bounded size, where that is wanted. */
function steady(direction: Tensor, at: Tensor, args: Given): Tensor {
  const across = args.use_orthograd ? orthogonal(direction, at) : direction;
  return args.use_stableadamw ? mul(across, inverseRoot(atLeast(rootMeanSquare(across), 1))) : across;
}

/** What of x is at a right angle to w, as long as x (arXiv 2501.04697). */
function orthogonal(x: Tensor, w: Tensor): Tensor {
  const along = div(one(mul(w, x)), affine(one(square(w)), 1, 1e-30)), rest = sub(x, mul(w, along));
  return mul(rest, div(sqrt(one(square(x))), affine(sqrt(one(square(rest))), 1, 1e-30)));
}

/** y and z after the step; `part` of the way y goes to z. */
function averaged(
  y: Tensor,
  z: Tensor,
  { direction, rate, part, decay }: Readonly<Record<"direction" | "rate" | "part" | "decay", Tensor>>,
  args: Given,
): { weight: Tensor; z: Tensor } {
  const { betas: [beta1], weight_decay, weight_decay_by_lr: byRate } = args;
  const share = affine(part, beta1, 1 - beta1), lost = weight_decay === 0 ? null : mul(y, decay);
  const still = byRate ? null : lost, change = lost && byRate ? add(direction, lost) : direction;
  const on = sub(z, mul(change, rate)), pull = mul(rate, share);
  const moved = args.use_cautious || args.use_grams
    ? sub(y, choosy(add(mul(sub(y, z), part), mul(change, pull)), change, args))
    : sub(lerp(y, z, part), mul(change, pull));
  return still ? { weight: sub(moved, mul(still, share)), z: sub(on, still) } : { weight: moved, z: on };
}

/** Only where step and direction agree (arXiv 2411.16085), or as far as the step where the direction says (2412.17107). */
function choosy(step: Tensor, direction: Tensor, { use_cautious, use_grams }: Given): Tensor {
  if (!use_cautious) return use_grams ? mul(abs(step), sign(direction)) : step;
  const agree = atLeast(sign(mul(direction, step)), 0);
  return mul(step, div(agree, atLeast(reshape(mean(agree), [1]), 1e-3)));
}
