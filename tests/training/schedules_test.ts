import { strictEqual, throws } from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import { trainNetworkDefaults } from "../../src/training/config.ts";
import { pythonLiteral } from "../../src/training/schedules/python_literal.ts";
import { createSchedule } from "../../src/training/schedules/schedule.ts";
import { parseStepsOrRatio } from "../../src/training/schedules/steps.ts";

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

Deno.test("parseStepsOrRatio() tells steps from ratios", () => {
  strictEqual((parseStepsOrRatio("5%") as { ratio: number }).ratio, 0.05);
  strictEqual((parseStepsOrRatio("5") as { steps: number }).steps, 5);
  throws(() => parseStepsOrRatio("1.0"), UsageError);
});

Deno.test("pythonLiteral() reads tuples, strings and constants, and nothing else", () => {
  strictEqual(JSON.stringify(pythonLiteral("(0.9, 1e-3)")), "[0.9,0.001]");
  strictEqual(JSON.stringify(pythonLiteral("[True, None, 'a,b',]")), '[true,null,"a,b"]');
  throws(() => pythonLiteral("__import__('os')"), UsageError);
  throws(() => pythonLiteral("(1, 2"), UsageError);
});
