import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import type { JobEvent } from "../../../src/base/events.ts";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { partOf } from "../../../src/data/dataset/validation_split.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { validationTimesteps } from "../../../src/training/validation/validation.ts";
import { UsageError } from "../../../src/base/errors.ts";
import type { TrainNetworkConfig } from "../../../src/training/options.ts";
import { listening, lossesOf, tinyRun } from "../tiny_run.ts";

Deno.test("every picture is trained on or validated with, whatever the share", () => {
  for (let n = 1; n < 12; n++) {
    for (const share of [0.1, 0.25, 0.5, 0.7, 1]) {
      const all = Array.from({ length: n }, (_, i) => i), at = { share, seed: 3 };
      const [training, held] = [
        partOf(all, { ...at, part: "training" }),
        partOf(all, { ...at, part: "validation" }),
      ];
      deepStrictEqual([...training, ...held].sort((a, b) => a - b), all, `${n} ${share}`);
    }
  }
});

Deno.test("four timesteps lie evenly between the first and the last", () => {
  deepStrictEqual(validationTimesteps({ minTimestep: null, maxTimestep: null }), [200, 400, 600, 800]);
  deepStrictEqual(validationTimesteps({ minTimestep: 100, maxTimestep: 203 }), [120, 141, 161, 182]);
});

interface Ran {
  /** Losses that were computed of the pictures held out. */
  readonly measured: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly losses: readonly number[];
  readonly validated: Extract<JobEvent, { event: "validation" }>[];
  readonly weights: readonly unknown[];
}

async function ran(config: TrainNetworkConfig): Promise<Ran> {
  const context = listening(), events: JobEvent[] = [];
  await trainNetwork(config, { ...context, emit: (event: JobEvent) => void events.push(event) });
  using file = openSafetensors(join(config.outputDir, "thing.safetensors"));
  const weights = [...file.keys()].map((key) => [key, file.bytes(key)] as const);
  const metadata = Object.entries(file.metadata)
    .filter(([key]) => key.includes("valid") || key.includes("interpolation"));
  return {
    metadata: Object.fromEntries(metadata),
    losses: lossesOf(context),
    measured: context.events.filter(({ task }) => task === "validating").length,
    validated: events.filter((event) => event.event === "validation"),
    weights,
  };
}

Deno.test("validation changes nothing about training, and is the same each time for the same weights", async () => {
  const { dir, config } = tinyRun(4);
  const split = {
    ...config,
    validationSplit: 0.5,
    maxTrainSteps: 4,
    networkDropout: 0.3,
    networkModule: "networks.lora",
  };
  const quiet = await ran({ ...split, validateEveryNEpochs: 100 });
  strictEqual(quiet.validated.length, 0);
  deepStrictEqual(quiet.metadata, {
    ss_num_validation_images: "2",
    ss_validation_seed: "None",
    ss_validation_split: "0.5",
    ss_max_validation_steps: "None",
    ss_validate_every_n_epochs: "100",
    ss_validate_every_n_steps: "None",
  });
  const seen = await ran({ ...split, validateEveryNSteps: 1 });
  deepStrictEqual(seen.losses, quiet.losses);
  deepStrictEqual(seen.weights, quiet.weights);
  // two pictures an epoch: after each step, and after both epochs
  deepStrictEqual(seen.validated.map(({ step, epoch }) => [step, epoch]), [
    ...[[1, undefined], [2, undefined], [2, 1]],
    ...[[3, undefined], [4, undefined], [4, 2]],
  ]);
  strictEqual(seen.validated[1].loss, seen.validated[2].loss);
  strictEqual(
    seen.measured,
    4 * 2 * 4,
    "an epoch's end takes the loss of its last step: two pictures, four timesteps",
  );
  ok(seen.validated.every(({ loss }) => loss > 0 && Number.isFinite(loss)));
  const few = await ran({
    ...{ ...split, maxValidationSteps: 1, minTimestep: 300, maxTimestep: 310 },
    resizeInterpolation: "area" as const,
  });
  strictEqual(few.metadata.ss_resize_interpolation, "area");
  ok(few.validated[0].loss !== seen.validated[2].loss);
  await rejects(ran({ ...config, validationSplit: 0.1 }), UsageError);
  Deno.removeSync(dir, { recursive: true });
});

function filesBelow(dir: string): string[] {
  return [...Deno.readDirSync(dir)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(join(dir, name)) : [join(dir, name)]
  );
}

Deno.test("a run that goes on from a state validates as one that was never stopped, with the average", async () => {
  const { dir, config } = tinyRun(4);
  const whole = {
    ...{ ...config, optimizerType: "AdamWScheduleFree", lrScheduler: "constant", validationSplit: 0.25 },
    ...{ validationSeed: 11, validateEveryNSteps: 2, maxTrainSteps: 4 },
    ...{ saveEveryNSteps: 2, saveState: true },
  };
  const all = await ran(whole);
  const rest = await ran({ ...whole, resume: join(config.outputDir, "thing-step00000002-state") });
  deepStrictEqual(rest.validated, all.validated.slice(-rest.validated.length));
  ok(rest.validated.length > 0);
  deepStrictEqual(rest.weights, all.weights);
  // the file holds the average, and is validated once more without the optimizer
  const average = join(dir, "average.safetensors");
  Deno.renameSync(join(config.outputDir, "thing.safetensors"), average);
  const again = {
    ...whole,
    optimizerType: "SGD",
    networkWeights: average,
    learningRate: 1e-30,
    maxTrainSteps: 1,
  };
  const [{ loss }] = (await ran({ ...again, loggingDir: join(dir, "logs") })).validated;
  strictEqual(loss, all.validated.at(-1)!.loss);
  const [log] = filesBelow(join(dir, "logs"));
  for (const tag of ["epoch_average", "epoch_divergence"]) {
    ok(new TextDecoder("latin1").decode(Deno.readFileSync(log)).includes(`loss/validation/${tag}`), tag);
  }
  Deno.removeSync(dir, { recursive: true });
});
