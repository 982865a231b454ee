/**
 * ProdigyPlusScheduleFree (the library prodigy-plus-schedule-free 2.0): Prodigy (arXiv 2306.06101) without a schedule
 * (arXiv 2405.15682); with use_schedulefree=False with one, and a first moment. Each group estimates a rate of its own
 * (estimate.ts); squares are kept as means of rows and columns where a side has 32 and more (arXiv 1804.04235), and steps
 * are made smaller by the root of their own root mean square (after arXiv 2304.13013).
 *
 * `compat` repeats two mistakes of the library: of squares it leaves the rows' means out where the first side is the longer,
 * and with use_schedulefree=False use_cautious multiplies averages by gradients in place of the mask.
 */
import { UsageError } from "../../../../base/errors.ts";
import {
  type Arguments,
  computing,
  flag,
  number,
  orNone,
  positive,
  type Rows,
  share,
  shares,
  whole,
} from "../../arguments.ts";
import { type Optimizer, rule } from "../../optimizer.ts";
import { settledAt, zOf } from "../../schedule_free/average.ts";
import { rectifiedShare } from "../../schedule_free/rectified.ts";
import { estimate, estimated, estimateShape } from "./estimate.ts";
import type { Before, Given, Hyper, Names, States } from "./group.ts";
import { factoredAxes } from "./squares.ts";
import { plainStep, scheduleFreeStep } from "./steps.ts";

const ARGS: Rows = {
  betas: shares(0.9, 0.99),
  beta3: share(null),
  weight_decay: number(0),
  weight_decay_by_lr: flag(true),
  d0: positive(1e-6),
  d_coef: positive(1),
  d_limiter: flag(true),
  prodigy_steps: whole(0),
  schedulefree_c: number(0),
  eps: orNone(positive(1e-8)),
  split_groups: flag(true),
  split_groups_mean: flag(),
  factored: flag(true),
  use_bias_correction: flag(),
  use_stableadamw: flag(true),
  use_schedulefree: flag(true),
  use_speed: flag(),
  ...Object.fromEntries(
    ["cautious", "grams", "adopt", "orthograd", "focus"].map((what) => [`use_${what}`, flag()]),
  ),
  ...computing("factored_fp32", "stochastic_rounding", "fused_back_pass"),
};

export const prodigyPlus: Optimizer = {
  names: ["ProdigyPlusScheduleFree", "prodigyplus.ProdigyPlusScheduleFree"],
  recorded: "prodigyplus.prodigy_plus_schedulefree.ProdigyPlusScheduleFree",
  args: ARGS,
  rule(given, compat = false) {
    const args: Given = { ...consistent(given), compat }, { betas: [beta1], prodigy_steps, use_adopt } = args;
    const free: boolean = args.use_schedulefree;
    const weights = ({ weight, state, hyper }: Before) => free ? zOf(weight, state.z, hyper.first) : weight;
    return rule<States, Hyper, Names, "toward" | "length">({
      states: Object.fromEntries(namesOf(args).map((name) => [name, 0])) as Record<States, number>,
      stateShape: (name, shape) => shapeOf(name, shape, args),
      ...free ? { settled: settledAt(beta1) } : {},
      hyper({ lr, step }) {
        // the first step of ADOPT (arXiv 2411.02853) only looks at the gradient
        const looking = use_adopt && step === 1, { share, beta2, plain } = correction(args, step);
        const keep = looking ? 0 : beta2;
        return {
          lr: looking ? 0 : lr * share,
          first: step === 1 ? 1 : 0,
          estimating: looking || prodigy_steps > 0 && step >= prodigy_steps ? 0 : 1,
          begun: step > (use_adopt ? 2 : 1) ? 1 : 0,
          slow: 1 - step ** -0.75,
          plain: plain ? 1 : 0,
          ...{ beta2: keep, fresh2: 1 - keep },
          clip: step ** 0.25,
          decay: looking ? 0 : args.weight_decay,
          looking: looking ? 1 : 0,
        };
      },
      shared: estimate(args, weights),
      update(group) {
        const at = weights(group), { kept } = estimated(group, at, args);
        return { ...free ? scheduleFreeStep(group, at, args) : plainStep(group, args), ...kept };
      },
    });
  },
};

/** What excludes something else does, as in the library. Throws UsageError for a first beta without which there is no average. */
function consistent(args: Arguments): Arguments {
  if (args.use_schedulefree && args.betas[0] === 0) {
    throw new UsageError(
      "--optimizer_args betas must begin above 0: schedule-free weights are an average; or add use_schedulefree=False",
    );
  }
  return {
    ...args,
    factored: args.factored && !args.use_focus,
    // Adam-atan2 bounds steps itself
    use_stableadamw: args.use_stableadamw && args.eps !== null,
  };
}

function namesOf({ use_schedulefree, use_speed }: Arguments): States[] {
  return [
    use_schedulefree ? "z" : "exp_avg",
    ...["exp_avg_sq", "exp_avg_sq_row", "exp_avg_sq_col", "p0"] as const,
    ...use_speed
      ? ["exp_avg_x0_dot", "max_x0_minus_l1_norm", "max_x0_minus_l2_norm"] as const
      : ["s"] as const,
  ];
}

function shapeOf(name: States, shape: readonly number[], args: Given): readonly number[] | null {
  const axes = factoredAxes(shape, args);
  switch (name) {
    case "z":
    case "exp_avg":
      return shape;
    case "exp_avg_sq":
      return axes ? null : shape;
    case "exp_avg_sq_row":
      return axes && shape.with(axes[1], 1);
    case "exp_avg_sq_col":
      return axes && shape.with(axes[0], 1);
    default:
      return estimateShape(name, shape);
  }
}

/** RAdam's share of the rate and beta2 without its beginning; `plain` while the average is too short for it. */
function correction({ betas: [, beta2], use_bias_correction }: Arguments, step: number) {
  if (!use_bias_correction) return { share: 1, beta2, plain: false };
  const share = rectifiedShare(beta2, step);
  return { share: share ?? 0, beta2: 1 - (1 - beta2) / (1 - beta2 ** step), plain: share === null };
}
