import { deepStrictEqual, match, strictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { beginning } from "../../../src/training/loop/beginning.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { listening, tinyRun } from "../tiny_run.ts";

const LENGTH = { batchesPerEpoch: 5, stepsPerEpoch: 3, epochs: 4, steps: 12 }; // updates of up to 2 batches
const config = (more: Partial<Parameters<typeof beginning>[0]>) => ({
  ...{ initialEpoch: null, initialStep: null, skipUntilInitialStep: false, gradientAccumulationSteps: 2 },
  compat: null,
  ...more,
});

Deno.test("beginning() counts steps as a run without the flags would", () => {
  const at = (more: Partial<Parameters<typeof beginning>[0]>) => beginning(config(more), LENGTH);
  strictEqual(at({}), null);
  strictEqual(at({ initialEpoch: 1 }), null);
  deepStrictEqual(at({ initialEpoch: 3 }), { epochs: 2, dropEpochs: false, batches: 0, globalStep: 6 });
  deepStrictEqual(at({ initialStep: 7 }), { epochs: 2, dropEpochs: false, batches: 0, globalStep: 7 });
  deepStrictEqual(at({ initialStep: 7, skipUntilInitialStep: true }), {
    ...{ epochs: 2, dropEpochs: true, batches: 2, globalStep: 7 },
  });
  deepStrictEqual(at({ initialStep: 7, compat: "0.9.1" })!.globalStep, 0);
  throws(() => at({ initialStep: 12 }), /--initial_step 12: begins after 12 steps and 12 are asked for/);
});

Deno.test("--initial_epoch trains what is left, and files say so", async () => {
  const { dir, config } = tinyRun(3);
  const context = listening();
  await trainNetwork({ ...config, maxTrainSteps: 6, initialEpoch: 2, skipUntilInitialStep: true }, context);
  const steps = context.events.filter(({ task, loss }) => task === "training" && loss !== undefined);
  deepStrictEqual(steps.map(({ step }) => step), [4, 5, 6]);
  match(context.lines.join("\n"), /beginning at step 3; learning rates begin as at the first step/);
  using file = openSafetensors(join(dir, "out/thing.safetensors"));
  deepStrictEqual([file.metadata.ss_steps, file.metadata.ss_epoch], ["6", "2"]);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("--metadata_* are written as ModelSpec 1.0.1, a picture as a data URL", async () => {
  const { dir, config } = tinyRun(1);
  const picture = join(dir, "data/1_thing/0.png");
  const texts = { metadataUsageHint: "thing", metadataTriggerPhrase: "a thing", metadataMergedFrom: "x" };
  await trainNetwork({ ...config, ...texts, maxTrainSteps: 1, metadataThumbnail: picture }, listening());
  using file = openSafetensors(join(dir, "out/thing.safetensors"));
  const said = (key: string) => file.metadata[`modelspec.${key}`];
  deepStrictEqual(
    ["sai_model_spec", "usage_hint", "trigger_phrase", "merged_from"].map(said),
    ["1.0.1", "thing", "a thing", "x"],
  );
  strictEqual(said("thumbnail"), `data:image/png;base64,${Deno.readFileSync(picture).toBase64()}`);
  Deno.removeSync(dir, { recursive: true });
});
