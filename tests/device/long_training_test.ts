/** 200 steps of a LoRA training on the machine's GPU, whose average loss follows the CPU's. Run by first.sh only. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { trainNetwork } from "../../src/training/jobs/train_network.ts";
import { listening, lossesOf, tinyRun } from "../training/tiny_run.ts";

const STEPS = 200;
const onCard = Deno.env.get("EASEL_TEST_DEVICE") === "cuda";

Deno.test({
  name: `the average loss of ${STEPS} steps on cuda stays with the CPU's`,
  ignore: !onCard,
  async fn() {
    const { dir, config } = tinyRun(8);
    const losses: number[][] = [];
    for (const device of ["cpu", "cuda"]) {
      const context = listening();
      const job = {
        ...config,
        device,
        outputDir: join(dir, device),
        maxTrainSteps: STEPS,
        learningRate: 1e-3,
      };
      await trainNetwork(job, context);
      losses.push(lossesOf(context));
    }
    const [cpu, cuda] = losses;
    assert.equal(cuda.length, STEPS);
    const off = cuda.map((loss, i) => Math.abs(loss / cpu[i] - 1));
    const worst = Math.max(...off);
    console.log(
      `worst ${worst.toExponential(1)} at step ${off.indexOf(worst) + 1}, last loss ${cuda.at(-1)}`,
    );
    assert.ok(worst < 1e-2, `the average loss after step ${off.indexOf(worst) + 1} is off by ${worst}`);
    Deno.removeSync(dir, { recursive: true });
  },
});
