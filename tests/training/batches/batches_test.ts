/** The next step's batch is made while the device computes, and nothing else changes by it. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { openNetworkRun } from "../../../src/training/jobs/network_run.ts";
import { runTraining } from "../../../src/training/loop/trainer.ts";
import { generatorStates } from "../../../src/training/state/mod.ts";
import type { DrawnBatch } from "../../../src/training/step/diffusion_training.ts";
import { listening, tinyRun } from "../tiny_run.ts";

const STEPS = 6;
/** The last batch of an epoch is smaller: it has a program of its own, which is made only when it runs. */
const settings = () => {
  const { dir, config } = tinyRun(5);
  const drawn = { noiseOffset: 0.1, minSnrGamma: 5, networkDropout: 0.5 };
  return { dir, config: { ...config, ...drawn, maxTrainSteps: STEPS, trainBatchSize: 2 } };
};

/** Every number drawn, by a training whose device takes its time and tells when it begins and ends. */
async function watched(config: ReturnType<typeof settings>["config"]) {
  const run = await openNetworkRun(config, listening());
  const events: string[] = [], drawn: DrawnBatch[] = [];
  const { step } = run.training, draw = run.training.draw.bind(run.training);
  const update = step.update.bind(step), backward = step.backward.bind(step);
  let computed = 0;
  run.training.draw = (batch, generators) => {
    events.push(`draw ${drawn.length}`);
    const made = draw(batch, generators);
    drawn.push(made);
    return made;
  };
  step.backward = async (...given) => {
    events.push(`begin ${computed}`);
    const result = await backward(...given);
    // a device that is slower than all there is to do meanwhile
    const wanted = run.loader.inEpoch && computed + 1 < STEPS ? computed + 2 : 0;
    while (drawn.length < wanted) await new Promise((go) => setTimeout(go, 1));
    return result;
  };
  step.update = async (...given) => {
    const result = await update(...given);
    events.push(`end ${computed++}`);
    return result;
  };
  await runTraining(config, run, listening());
  return { events, drawn, end: generatorStates(run.generators) };
}

Deno.test("the next batch is drawn while a step computes, with the numbers of one after the other", async () => {
  const { dir, config } = settings();
  const { events, drawn, end } = await watched(config), perEpoch = 3;
  strictEqual(drawn.length, STEPS);
  for (let k = 1; k < STEPS; k++) {
    const at = (event: string) => events.indexOf(event);
    ok(at(`draw ${k}`) < at(`begin ${k}`), events.join());
    // the first of an epoch waits for what an epoch's end asks
    const within = at(`begin ${k - 1}`) < at(`draw ${k}`) && at(`draw ${k}`) < at(`end ${k - 1}`);
    strictEqual(within, k % perEpoch !== 0, events.join());
  }

  const run = await openNetworkRun(config, listening()), { loader, generators, examples, training } = run;
  const plain: DrawnBatch[] = [];
  for (let epoch = 1; plain.length < STEPS; epoch++) {
    loader.startEpoch(epoch);
    for (let batch; (batch = await loader.next(plain.length));) {
      plain.push(training.draw(await examples.make(batch, generators.torch, loader.place), generators));
    }
  }
  deepStrictEqual(drawn, plain, "every draw");
  deepStrictEqual(end, generatorStates(generators));
  run.close();
  Deno.removeSync(dir, { recursive: true });
});
