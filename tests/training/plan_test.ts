import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { planTraining } from "../../src/training/plan.ts";
import { listening, tinyRun } from "./tiny_run.ts";

Deno.test("planTraining() counts the largest program and the weights, and writes nothing", async () => {
  const { dir, config } = tinyRun();
  const plan = await planTraining(config, listening());
  strictEqual(plan.steps, 4);
  strictEqual(plan.epochs, 2);
  ok(plan.programBytes > 1e6 && plan.parameterBytes > 1e6);
  const larger = await planTraining({ ...config, trainBatchSize: 3 }, listening());
  ok(larger.programBytes > plan.programBytes, "three pictures take more than one");
  deepStrictEqual([...Deno.readDirSync(dir)].map((e) => e.name).sort(), ["data", "model.safetensors"]);
  Deno.removeSync(dir, { recursive: true });
});
