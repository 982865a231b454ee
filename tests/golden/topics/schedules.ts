/** Learning-rate schedules: 100 rates each, the parsing of warm-up steps, and what is refused. */
import { UsageError } from "../../../src/base/errors.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { createRates } from "../../../src/training/step/rates.ts";
import { createSchedule, type Schedule } from "../../../src/training/schedules/schedule.ts";
import { parseStepsOrRatio } from "../../../src/options/steps.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { exact } from "../compare.ts";
import { readTrainArgs } from "../train_args.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "schedules") return null;
  const { json } = c;
  if (Array.isArray(json.columns)) return () => Promise.resolve(parsing(json.cases));
  if (Array.isArray(json.cases)) return () => Promise.resolve(refusals(json.cases));
  if (!Array.isArray(json.lr)) return `no rule for a schedules case with ${Object.keys(json).join(", ")}`;
  const { config } = readTrainArgs(json.train_args);
  const { ownRate } = readOptimizer(config.optimizerType, config.optimizerArgs);
  const schedule = ownRate
    ? createRates(config, { ownRate })
    : createSchedule(config, json.num_processes ?? 1);
  return () => Promise.resolve(rates(schedule, config.learningRate, json));
}

// deno-lint-ignore no-explicit-any -- the case as it is
function rates(schedule: Schedule, base: number, json: any): Check[] {
  const limit = json.tolerance?.rel ?? 1e-9;
  const relative = (a: number, b: number) => a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(b), 1e-12);
  const errors = (json.lr as number[]).map((lr, step) => relative(schedule(step, base), lr));
  const worst = errors.reduce((w, e, i) => e > errors[w] || Number.isNaN(e) ? i : w, 0);
  const checks = [{ what: "lr", error: errors[worst], limit, note: `step ${worst}` }];
  if (typeof json.group1_lr_after_100_steps === "number") {
    const error = relative(schedule(100, base / 2), json.group1_lr_after_100_steps);
    checks.push({ what: "group 1 after 100 steps", error, limit, note: "" });
  }
  return checks;
}

function parsing(cases: [string, string, number | null][]): Check[] {
  return cases.map(([text, type, value]) => {
    let got: [string, number | null];
    try {
      const parsed = parseStepsOrRatio(text);
      got = "steps" in parsed ? ["int", parsed.steps] : ["float", parsed.ratio];
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      got = ["rejected", null];
    }
    return exact(`"${text}"`, got, [type, value]);
  });
}

interface Refusal {
  args: string[];
  result: string;
  lr_first3?: number[];
  lr_last?: number;
}

/** The reference refuses with exceptions of several kinds; ours is always a UsageError. */
function refusals(cases: Refusal[]): Check[] {
  return cases.flatMap(({ args, result, lr_first3, lr_last }) => {
    const { config } = readTrainArgs(["--learning_rate", "1e-3", "--max_train_steps", "100", ...args]);
    let schedule: Schedule | null = null;
    try {
      schedule = createSchedule(config);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
    const what = args.join(" ");
    const checks = [
      exact(what, schedule ? "accepted" : "refused", result === "accepted" ? "accepted" : "refused"),
    ];
    if (schedule && lr_first3) {
      const lr = schedule;
      const error = Math.max(
        ...lr_first3.map((x, i) => Math.abs(lr(i, 1e-3) - x)),
        Math.abs(lr(99, 1e-3) - lr_last!),
      );
      checks.push({ what: `${what}: lr`, error, limit: 1e-12 });
    }
    return checks;
  });
}
