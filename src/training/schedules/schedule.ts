/**
 * Learning-rate schedules: closed formulas of the step, named and parameterised as in sd-scripts' get_scheduler_fix
 * (which takes them from transformers.optimization and torch.optim.lr_scheduler).
 */
import { UsageError } from "../../base/errors.ts";
import { guess, listed } from "../../base/phrases.ts";
import { keyValues } from "../../options/key_values.ts";
import { Args } from "./args.ts";
import { EVERY_CLASS, halfCosine, type Schedule, torchSchedules, UNSAYABLE } from "./torch.ts";
import { resolveSteps, type StepsOrRatio } from "../../options/steps.ts";

export type { Schedule } from "./torch.ts";

/** The flags that choose a schedule. */
export interface ScheduleConfig {
  lrScheduler: string;
  lrSchedulerType: string | null;
  lrSchedulerArgs: string[] | null;
  lrWarmupSteps: StepsOrRatio;
  lrDecaySteps: StepsOrRatio;
  lrSchedulerNumCycles: number;
  lrSchedulerPower: number;
  lrSchedulerTimescale: number | null;
  lrSchedulerMinLrRatio: number | null;
  learningRate: number;
  maxTrainSteps: number;
}

interface Terms {
  warmup: number;
  decay: number;
  total: number;
  cycles: number;
  args: Args;
  config: ScheduleConfig;
}

type Factor = (step: number) => number;

/** Rises from 0 to 1 over the warm-up; `after` gets the progress of the rest, 0 at its start and 1 at the end. */
const warmed =
  ({ warmup, total }: Terms, after: (progress: number, step: number) => number): Factor => (step) =>
    step < warmup ? step / Math.max(1, warmup) : after((step - warmup) / Math.max(1, total - warmup), step);

const factors: Record<string, (terms: Terms) => Factor> = {
  constant: () => () => 1,
  constant_with_warmup: (terms) => warmed(terms, () => 1),
  linear: (terms) =>
    warmed(terms, (_, step) => Math.max(0, (terms.total - step) / Math.max(1, terms.total - terms.warmup))),
  cosine: (terms) => {
    const cycles = terms.args.number("num_cycles", 0.5);
    return warmed(terms, (progress) => Math.max(0, halfCosine(cycles * 2 * progress)));
  },
  cosine_with_restarts: (terms) =>
    warmed(terms, (progress) => progress >= 1 ? 0 : Math.max(0, halfCosine((terms.cycles * progress) % 1))),
  polynomial: (terms) => {
    const start = terms.config.learningRate;
    const end = terms.args.number("lr_end", 1e-7);
    if (!(start > end)) {
      throw new UsageError(`polynomial: lr_end ${end} must be smaller than the learning rate ${start}`);
    }
    return warmed(terms, (progress, step) => {
      if (step > terms.total) return end / start;
      return ((start - end) * (1 - progress) ** terms.config.lrSchedulerPower + end) / start;
    });
  },
  inverse_sqrt: (terms) => {
    const timescale = terms.config.lrSchedulerTimescale ?? (terms.warmup || 10000);
    return warmed(terms, (_, step) => 1 / Math.sqrt((step + timescale - terms.warmup) / timescale));
  },
  cosine_with_min_lr: (terms) => {
    const least = minimumRatio(terms);
    if (least === null) throw new UsageError("cosine_with_min_lr needs --lr_scheduler_min_lr_ratio");
    return warmed(
      terms,
      (progress) => Math.max(0, halfCosine(terms.cycles * progress) * (1 - least) + least),
    );
  },
  warmup_stable_decay: (terms) => {
    const least = terms.config.lrSchedulerMinLrRatio ?? 0;
    const decayStart = terms.total - terms.decay;
    const scaled = (factor: number) => Math.max(0, factor * (1 - least) + least);
    return (step) => {
      if (step < terms.warmup) return scaled(step / Math.max(1, terms.warmup));
      if (step < decayStart) return 1;
      if (step >= terms.total) return least;
      return scaled(halfCosine(terms.cycles * (step - decayStart) / Math.max(1, terms.decay)));
    };
  },
  piecewise_constant: ({ args }) => {
    const rules = args.string("step_rules").split(",");
    const last = Number(rules.pop());
    const pieces = rules.map((rule) => rule.split(":").map(Number)).map(([factor, until]) => ({
      factor,
      until,
    }))
      .sort((a, b) => a.until - b.until);
    if (Number.isNaN(last) || pieces.some((p) => Number.isNaN(p.factor) || !Number.isInteger(p.until))) {
      throw new UsageError(
        `piecewise_constant: step_rules "${args.string("step_rules")}" is not like "1:10,0.1:20,0.01"`,
      );
    }
    return (step) => pieces.find((piece) => step < piece.until)?.factor ?? last;
  },
};

function unknownType(given: string, type: string): string {
  if (Object.hasOwn(UNSAYABLE, type)) {
    return `--lr_scheduler_type ${given} ${UNSAYABLE[type]}, which no command line can give; use another one`;
  }
  const near = guess(type, torchScheduleNames) || guess(type.split(".").at(-1)!, torchScheduleNames);
  return `--lr_scheduler_type ${given} is not among those that easel has${near}; it has ${
    listed(torchScheduleNames)
  }`;
}

function minimumRatio(terms: Terms): number | null {
  const absolute = terms.args.optionalNumber("min_lr");
  return absolute === null ? terms.config.lrSchedulerMinLrRatio : absolute / terms.config.learningRate;
}

/** Names --lr_scheduler takes. */
export const scheduleNames: readonly string[] = Object.keys(factors);
export const torchScheduleNames: readonly string[] = Object.keys(torchSchedules);

/** The schedule of `config`. Throws UsageError for unknown names and contradictory options. */
export function createSchedule(config: ScheduleConfig, processes = 1): Schedule {
  const total = config.maxTrainSteps * processes;
  const warmup = resolveSteps(config.lrWarmupSteps, total);
  const decay = resolveSteps(config.lrDecaySteps, total);
  const args = new Args(keyValues("--lr_scheduler_args", config.lrSchedulerArgs));
  const refuseWarmup = (name: string) => {
    if (warmup !== 0) {
      throw new UsageError(`${name} does not take --lr_warmup_steps; leave it out or use another schedule`);
    }
  };
  let schedule: Schedule;
  if (config.lrSchedulerType) {
    const type = config.lrSchedulerType.replace(/^torch\.optim\.lr_scheduler\./, "");
    const create = Object.hasOwn(torchSchedules, type) ? torchSchedules[type] : null;
    if (!create) throw new UsageError(unknownType(config.lrSchedulerType, type));
    refuseWarmup(type);
    schedule = create(args);
  } else {
    const name = config.lrScheduler;
    if (name.startsWith("adafactor")) {
      throw new UsageError(
        "the adafactor schedule is that of --optimizer_type Adafactor with relative_step=True",
      );
    }
    const create = Object.hasOwn(factors, name) ? factors[name] : null;
    if (!create) {
      const known = scheduleNames.join(", ");
      throw new UsageError(
        `--lr_scheduler ${name} is not supported; known are ${known}${guess(name, scheduleNames)}`,
      );
    }
    if (name === "constant") refuseWarmup(name);
    const factor = create({ warmup, decay, total, cycles: config.lrSchedulerNumCycles, args, config });
    schedule = (step, base) => base * factor(step);
  }
  args.refuseUnread("--lr_scheduler_args", config.lrSchedulerType ? EVERY_CLASS : {});
  return processes === 1 ? schedule : (step, base) => schedule(step * processes, base);
}
