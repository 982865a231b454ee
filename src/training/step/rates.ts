/** The rate of every optimizer step: the schedule's, or the optimizer's own. */
import { UsageError } from "../../base/errors.ts";
import type { Rule } from "../optimizers/mod.ts";
import { createSchedule, type Schedule, type ScheduleConfig } from "../schedules/schedule.ts";
import { resolveSteps } from "../../options/steps.ts";

/** Throws UsageError for a schedule that there is not, or that the optimizer does not take. */
export function createRates(
  config: ScheduleConfig,
  { ownRate, momentum }: Pick<Rule, "ownRate" | "momentum">,
): Schedule {
  if (!ownRate) {
    const schedule = createSchedule(config);
    if (!schedule.momentum || momentum) return schedule;
    throw new UsageError(
      `${config.lrSchedulerType} moves the momentum too, and this optimizer has none that moves; ` +
        "add cycle_momentum=False to --lr_scheduler_args, or use AdamW, AdamW8bit, Lion, Prodigy or SGDNesterov",
    );
  }
  if (resolveSteps(config.lrWarmupSteps, config.maxTrainSteps) !== 0) {
    throw new UsageError(
      "Adafactor's relative steps take no --lr_warmup_steps; leave it out, or give --optimizer_args relative_step=False",
    );
  }
  return (step, base) => base > 0 ? ownRate(step + 1) : 0;
}
