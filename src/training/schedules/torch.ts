/** Schedules of torch.optim.lr_scheduler that --lr_scheduler_type may name, with its arguments and defaults. */
import { UsageError } from "../../base/errors.ts";
import type { Args } from "./args.ts";

/** The learning rate that optimizer step `step` (from 0) uses in a group whose own rate is `base`. */
export type Schedule = (step: number, base: number) => number;

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

/** torch moves the optimizer's momentum against the rate by default, which no optimizer here takes. */
function steadyMomentum(args: Args): void {
  if (args.oneOf("cycle_momentum", [true, false])) {
    throw new UsageError(
      "this schedule moves the momentum too, which is not supported yet; add cycle_momentum=False to --lr_scheduler_args",
    );
  }
}

/** Up and down between two rates (arXiv 1506.01186). */
function cyclic(args: Args): Schedule {
  const low = args.number("base_lr"), high = args.number("max_lr"), gamma = args.number("gamma", 1);
  const up = args.count("step_size_up", 2000, 1),
    down = args.count("step_size_down", up, 1),
    total = up + down;
  const mode = args.oneOf("mode", ["triangular", "triangular2", "exp_range"]);
  steadyMomentum(args);
  return (step) => {
    const cycle = Math.floor(step / total), at = step - cycle * total;
    const height = at <= up ? at / up : (total - at) / down;
    const scale = mode === "triangular" ? 1 : mode === "triangular2" ? 0.5 ** cycle : gamma ** step;
    return low + (high - low) * height * scale;
  };
}

/** Up to a rate and down to almost none, once (arXiv 1708.07120). */
function oneCycle(args: Args): Schedule {
  const top = args.number("max_lr"), first = top / args.number("div_factor", 25);
  const last = first / args.number("final_div_factor", 1e4), rise = args.number("pct_start", 0.3);
  const epochs = args.optionalNumber("epochs"), each = args.optionalNumber("steps_per_epoch");
  const total = args.count("total_steps", epochs && each ? epochs * each : undefined, 1);
  const between = args.oneOf("anneal_strategy", ["cos", "linear"]) === "cos" ? bySine : mix;
  const ends = args.oneOf("three_phase", [false, true])
    ? [[rise * total - 1, top], [2 * rise * total - 2, first], [total - 1, last]]
    : [[rise * total - 1, top], [total - 1, last]];
  steadyMomentum(args);
  return (step) => {
    let start = 0, from = first;
    for (const [end, to] of ends) {
      if (step <= end) return between(from, to, (step - start) / (end - start));
      [start, from] = [end, to];
    }
    return last;
  };
}
