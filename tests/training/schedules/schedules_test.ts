import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { trainNetworkDefaults } from "../defaults.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { createRates } from "../../../src/training/step/rates.ts";
import { keyValues } from "../../../src/options/key_values.ts";
import { createSchedule } from "../../../src/training/schedules/schedule.ts";
import recorded from "./torch_schedules.json" with { type: "json" };
import { parseStepsOrRatio } from "../../../src/options/steps.ts";

const config = { ...trainNetworkDefaults, learningRate: 1, maxTrainSteps: 10 };

Deno.test("createSchedule() warms up linearly and reaches the group's own rate", () => {
  const schedule = createSchedule({
    ...config,
    lrScheduler: "constant_with_warmup",
    lrWarmupSteps: { ratio: 0.4 },
  });
  strictEqual(schedule(0, 2), 0);
  strictEqual(schedule(2, 2), 1);
  strictEqual(schedule(4, 2), 2);
  strictEqual(schedule(9, 2), 2);
});

Deno.test("createSchedule() names what it does not know", () => {
  throws(() => createSchedule({ ...config, lrScheduler: "cosin" }), UsageError);
  throws(() => createSchedule({ ...config, lrScheduler: "toString" }), UsageError);
  throws(
    () => createSchedule({ ...config, lrSchedulerArgs: ["numcycles=1"], lrScheduler: "cosine" }),
    /numcycles/,
  );
});

Deno.test("--lr_scheduler_type gives the rates of PyTorch 2.13's classes", () => {
  for (const [lrSchedulerType, lrSchedulerArgs, rates] of recorded as [string, string[], number[]][]) {
    const schedule = createSchedule({ ...config, lrSchedulerType, lrSchedulerArgs });
    const every = ["last_epoch=-1", "verbose=False"], path = `torch.optim.lr_scheduler.${lrSchedulerType}`;
    createSchedule({ ...config, lrSchedulerType: path, lrSchedulerArgs: [...lrSchedulerArgs, ...every] });
    rates.forEach((rate, step) => {
      const found = schedule(step, 0.5);
      ok(
        Math.abs(found - rate) < 1e-9,
        `${lrSchedulerType} ${lrSchedulerArgs} at ${step}: ${found}, not ${rate}`,
      );
    });
  }
});

Deno.test("--lr_scheduler_type and its arguments are refused in one line where they do not fit", () => {
  const lines: [string, string[], RegExp][] = [
    ["LambdaLR", [], /LambdaLR wants a function, which no command line can give/],
    ["my_package.CosineAnnealingLr", [], /not among those that easel has; did you mean CosineAnnealingLR\?/],
    ["StepLR", ["step_size=2", "last_epoch=3"], /last_epoch must be -1/],
    ["StepLr", ["step_size=2"], /did you mean StepLR\?/],
    ["OneCycleLR", ["max_lr=1", "total_steps=9", "cycle_momentum=1"], /cycle_momentum must be True or False/],
    ["CyclicLR", ["base_lr=0", "max_lr=1", "mode='up'"], /mode must be 'triangular' or/],
    ["MultiStepLR", [], /needs --lr_scheduler_args "milestones=/],
    ["StepLR", ["step_size=0"], /step_size must be a whole number, 1 or more/],
    [
      "StepLR",
      ["step_size=2", "gama=3"],
      /takes no gama; did you mean gamma\?; it takes step_size and gamma/,
    ],
  ];
  for (const [lrSchedulerType, lrSchedulerArgs, message] of lines) {
    throws(() => createSchedule({ ...config, lrSchedulerType, lrSchedulerArgs }), {
      name: "UsageError",
      message,
    });
  }
});

Deno.test("parseStepsOrRatio() tells steps from ratios", () => {
  strictEqual((parseStepsOrRatio("5%") as { ratio: number }).ratio, 0.05);
  strictEqual((parseStepsOrRatio("5") as { steps: number }).steps, 5);
  throws(() => parseStepsOrRatio("1.0"), UsageError);
});

Deno.test("keyValues() reads what the reference's help writes, and says what it cannot read", () => {
  const read = (word: string) => keyValues("--optimizer_args", [word]);
  for (const word of ["betas=.9,.999", "betas=0.9, 0.999", "betas = (0.9 ,0.999)", "betas=[9e-1, 0.99_9]"]) {
    deepStrictEqual(read(word), { betas: [0.9, 0.999] }, word);
  }
  deepStrictEqual(read("name='a=b'"), { name: "a=b" });
  throws(() => read("0.999"), /key=value.*quotes/);
  throws(() => read("eps=small"), /--optimizer_args eps: "small" is not a Python literal/);
  throws(() => readOptimizer("AdamW", ["weight_decay=0.1,"]), /weight_decay must be a number/);
  strictEqual(
    readOptimizer("AdamW", ["weight_decay=0.01", "betas=.9,.99"]).hyper({ lr: 1, step: 1, running: {} })
      .beta2,
    0.99,
  );
});

Deno.test("an optimizer with rates of its own takes no warm-up, and leaves a rate of 0 at 0", () => {
  const { ownRate } = readOptimizer("Adafactor", ["warmup_init=True"]);
  const rates = createRates(config, { ownRate });
  deepStrictEqual([rates(0, 1), rates(2, 0.5), rates(2, 0)], [1e-6, 3 * 1e-6, 0]);
  const warm = { ...config, lrWarmupSteps: parseStepsOrRatio("5") };
  throws(() => createRates(warm, { ownRate }), /relative steps take no --lr_warmup_steps/);
});

Deno.test("a schedule that there is not is refused, whatever its name", () => {
  for (const name of ["NoSuchLR", "constructor", "toString", "__proto__"]) {
    const message = new RegExp(`--lr_scheduler(_type)? ${name} is not (supported|among)`);
    throws(() => createSchedule({ ...config, lrSchedulerType: name }), { name: "UsageError", message });
    throws(() => createSchedule({ ...config, lrScheduler: name }), { name: "UsageError", message });
  }
});
