/** Schedules of torch.optim.lr_scheduler that --lr_scheduler_type may name, with its arguments and defaults. */
import type { Args } from "./args.ts";

/** The learning rate that optimizer step `step` (from 0) uses in a group whose own rate is `base`. */
export interface Schedule {
  (step: number, base: number): number;
  /** The optimizer's momentum, or first beta, at that step; absent: its own. */
  readonly momentum?: (step: number) => number;
}

export const halfCosine = (turn: number): number => 0.5 * (1 + Math.cos(Math.PI * turn));

const mix = (from: number, to: number, share: number) => from + (to - from) * share;
const bySine = (from: number, to: number, share: number) => to + (from - to) * halfCosine(share);

export const torchSchedules: Readonly<Record<string, (args: Args) => Schedule>> = {
  CosineAnnealingLR(args) {
    const period = args.number("T_max"), least = args.number("eta_min", 0);
    return (step, base) => least + (base - least) * halfCosine(step / period);
  },
  CosineAnnealingWarmRestarts(args) {
    const first = args.count("T_0", undefined, 1), growth = args.count("T_mult", 1, 1);
    const least = args.number("eta_min", 0);
    return (step, base) => {
      let length = first, at = step;
      for (; at >= length; length *= growth) at -= length;
      return least + (base - least) * halfCosine(at / length);
    };
  },
  ExponentialLR(args) {
    const gamma = args.number("gamma");
    return (step, base) => base * gamma ** step;
  },
  StepLR(args) {
    const size = args.count("step_size", undefined, 1), gamma = args.number("gamma", 0.1);
    return (step, base) => base * gamma ** Math.floor(step / size);
  },
  MultiStepLR(args) {
    const milestones = args.numbers("milestones"), gamma = args.number("gamma", 0.1);
    return (step, base) => base * gamma ** milestones.filter((at) => at <= step).length;
  },
  ConstantLR(args) {
    const factor = args.number("factor", 1 / 3), total = args.count("total_iters", 5);
    return (step, base) => step < total ? base * factor : base;
  },
  LinearLR(args) {
    const from = args.number("start_factor", 1 / 3), to = args.number("end_factor", 1);
    const total = args.count("total_iters", 5, 1);
    return (step, base) => base * mix(from, to, Math.min(step, total) / total);
  },
  PolynomialLR(args) {
    const total = args.count("total_iters", 5, 1), power = args.number("power", 1);
    return (step, base) => base * (1 - Math.min(step, total) / total) ** power;
  },
  CyclicLR: cyclic,
  OneCycleLR: oneCycle,
};

/** What each of them takes beside its own arguments: where a new schedule begins, and whether each rate is printed. */
export const EVERY_CLASS = { last_epoch: [-1], verbose: [false, true] } as const;

/** torch's other classes, and what each of them wants. */
export const UNSAYABLE: Readonly<Record<string, string>> = {
  LambdaLR: "wants a function",
  MultiplicativeLR: "wants a function",
  SequentialLR: "wants other schedules",
  ChainedScheduler: "wants other schedules",
  ReduceLROnPlateau: "wants a measured value after each step",
};

/** The momentum goes from the most down to the least as the rate goes up, where that is wanted. */
function withMomentum(
  rate: (step: number) => number,
  args: Args,
  [least, most]: readonly number[],
  at: (step: number, least: number, most: number) => number,
): Schedule {
  const low = args.number("base_momentum", least), high = args.number("max_momentum", most);
  const moves = args.oneOf("cycle_momentum", [true, false]);
  return moves ? Object.assign(rate, { momentum: (step: number) => at(step, low, high) }) : rate;
}

/** Up and down between two rates (arXiv 1506.01186). */
function cyclic(args: Args): Schedule {
  const low = args.number("base_lr"), high = args.number("max_lr"), gamma = args.number("gamma", 1);
  const up = args.count("step_size_up", 2000, 1),
    down = args.count("step_size_down", up, 1),
    total = up + down;
  const mode = args.oneOf("mode", ["triangular", "triangular2", "exp_range"]);
  args.oneOf("scale_mode", ["cycle", "iterations"]); // of a scale_fn, a function
  const height = (step: number) => {
    const cycle = Math.floor(step / total), at = step - cycle * total;
    const scale = mode === "triangular" ? 1 : mode === "triangular2" ? 0.5 ** cycle : gamma ** step;
    return (at <= up ? at / up : (total - at) / down) * scale;
  };
  const momentum = (step: number, least: number, most: number) => most - (most - least) * height(step);
  return withMomentum((step) => low + (high - low) * height(step), args, [0.8, 0.9], momentum);
}

/** Up to a rate and down to almost none, once (arXiv 1708.07120). */
function oneCycle(args: Args): Schedule {
  const top = args.number("max_lr"), first = top / args.number("div_factor", 25);
  const last = first / args.number("final_div_factor", 1e4), rise = args.number("pct_start", 0.3);
  const epochs = args.optionalNumber("epochs"), each = args.optionalNumber("steps_per_epoch");
  const total = args.count("total_steps", epochs && each ? epochs * each : undefined, 1);
  const between = args.oneOf("anneal_strategy", ["cos", "linear"]) === "cos" ? bySine : mix;
  const threePhases = args.oneOf("three_phase", [false, true]);
  const ends = threePhases
    ? [rise * total - 1, 2 * rise * total - 2, total - 1]
    : [rise * total - 1, total - 1];
  /** From value to value, as many as there are ends and one more. */
  const through = (values: readonly number[], step: number) => {
    const found = ends.findIndex((end) => step <= end);
    if (found < 0) return values[ends.length];
    const start = found === 0 ? 0 : ends[found - 1];
    return between(values[found], values[found + 1], (step - start) / (ends[found] - start));
  };
  const rates = threePhases ? [first, top, first, last] : [first, top, last];
  return withMomentum(
    (step) => through(rates, step),
    args,
    [0.85, 0.95],
    (step, least, most) => through(threePhases ? [most, least, most, most] : [most, least, most], step),
  );
}
