/** Optimizer and learning-rate schedule. */

import { findOptimizer, readOptimizer, type Rule, shortNames } from "./mod.ts";
import { scheduleNames, torchScheduleNames } from "../schedules/schedule.ts";
import {
  type ConfigOf,
  flag,
  float,
  group,
  idleZero,
  int,
  LONGEST_RUN,
  named,
  RATE,
  same,
  SHARE,
  stepsOrRatio,
  str,
  strings,
} from "../../options/mod.ts";

export const optimizerOptions = group("Optimizer and schedule", {
  optimizer_type: same(
    named(shortNames, str("", "optimizer; unset is AdamW; a class of bitsandbytes by its path")),
    (type) => findOptimizer(type)?.names[0] ?? type,
  ),
  use_8bit_adam: same(flag("old alias for optimizer_type AdamW8bit")),
  use_lion_optimizer: same(flag("old alias for optimizer_type Lion")),
  learning_rate: float(2e-06, "base learning rate", RATE),
  max_grad_norm: float(1.0, "global gradient-norm clip; 0 = off", { min: 0 }),
  optimizer_args: strings("key=value list given to the optimizer (python literals)"),
  lr_scheduler_type: named(
    torchScheduleNames,
    str("", "a schedule of torch.optim.lr_scheduler in place of lr_scheduler"),
  ),
  lr_scheduler_args: strings("key=value list given to the scheduler (python literals)"),
  lr_scheduler: named(scheduleNames, str("constant", "how the learning rate goes over the steps")),
  lr_warmup_steps: stepsOrRatio("warm-up: integer steps, or float share of all steps"),
  lr_decay_steps: stepsOrRatio("decay phase of warmup_stable_decay: integer steps or float share"),
  lr_scheduler_num_cycles: int(1, "restarts (cosine_with_restarts) or half-cycles", {
    min: 1,
    max: LONGEST_RUN,
  }),
  lr_scheduler_power: float(1, "exponent of the polynomial schedule"),
  fused_backward_pass: flag(
    "step each parameter during backward and free its gradient; clips each by its own norm",
  ),
  lr_scheduler_timescale: idleZero(
    int(null, "time scale of inverse_sqrt; default = warm-up steps", { min: 1 }),
  ),
  lr_scheduler_min_lr_ratio: float(null, "floor of the rate as a share of the base rate", SHARE),
});

type Choice = Pick<
  ConfigOf<typeof optimizerOptions>,
  "optimizerType" | "optimizerArgs" | "use8bitAdam" | "useLionOptimizer"
>;

/** --optimizer_type, or what its old aliases stand for. */
export const optimizerType = (
  { optimizerType, use8bitAdam, useLionOptimizer }: Omit<Choice, "optimizerArgs">,
): string => use8bitAdam ? "AdamW8bit" : useLionOptimizer ? "Lion" : optimizerType;

/** The optimizer that the options ask for. Throws UsageError for what there is not. */
export const chosenOptimizer = (options: Choice & { readonly compat?: string | null }): Rule =>
  readOptimizer(optimizerType(options), options.optimizerArgs, (options.compat ?? null) !== null);
