/** Going on from a saved state with settings that are others, and with what a killed run left. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { TrainNetworkConfig } from "../../../src/training/options.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { listening, tinyRun } from "../tiny_run.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("the model that a run trains on is not replaced by what it saves", async () => {
  const { dir, config } = tinyRun(), model = join(dir, "model.safetensors");
  const before = await Deno.readFile(model);
  await Deno.symlink(dir, join(dir, "link"));
  for (const outputDir of [dir, join(dir, "link")]) {
    await assert.rejects(trainNetwork({ ...config, outputDir, outputName: "model" }, listening()), {
      name: "UsageError",
      message:
        `${outputDir}/model.safetensors: is what --pretrained_model_name_or_path names and would be replaced; ` +
        "give another --output_name or --output_dir",
    });
  }
  assert.deepEqual(await Deno.readFile(model), before);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a resume tells what is another wish, refuses what must be the same, and clears the folder", async () => {
  const { dir, config } = tinyRun();
  const started: TrainNetworkConfig = { ...config, maxTrainSteps: 1, saveState: true };
  try {
    await trainNetwork(started, listening());
    const resume = join(config.outputDir, "thing-state");
    const again: TrainNetworkConfig = { ...started, resume, maxTrainSteps: 2 };
    const refused = async (other: Partial<TrainNetworkConfig>, wrong: string) => {
      const context = listening();
      await assert.rejects(trainNetwork({ ...again, ...other }, context), (error: Error) => {
        assert.equal(error.name, "UsageError");
        assert.ok(
          error.message.startsWith(`${resume}: was saved with ${wrong}; give the same`),
          error.message,
        );
        assert.match(error.message, /what may change and did: --max_train_steps 1 \(now 2\)/);
        return true;
      });
      assert.ok(
        !context.events.some(({ task, loss }) => task === "training" && loss !== undefined),
        "no step was made",
      );
    };
    await refused({ networkAlpha: 2, seed: 6 }, "--network_alpha 1 (now 2), --seed 5 (now 6)");
    await refused(
      { optimizerType: "torch.optim.AdamW", vParameterization: true },
      "--v_parameterization false (now true)",
    );
    await refused({ compat: "0.9.1" }, "--compat none (now 0.9.1)");

    const leftovers = [
      "thing.safetensors.4194304.tmp",
      "thing-000001.safetensors.easel-0123456789abcdef.tmp",
      ".thing-step00000003-state.4194304.tmp",
    ];
    const others = ["other.safetensors.4194304.tmp", "thing-notes.4194304.tmp", "notes.tmp"];
    for (const name of [...leftovers.slice(0, 2), ...others]) {
      Deno.writeTextFileSync(join(config.outputDir, name), "half");
    }
    Deno.mkdirSync(join(config.outputDir, leftovers[2]));
    const context = listening();
    await trainNetwork({ ...again, learningRate: 0.5, saveEveryNEpochs: 3, outputName: "thing" }, context);
    const line = context.lines.find((text) => text.includes("others than in the saved run"));
    assert.equal(
      line?.split(": ").at(-1),
      "--max_train_steps 1 (now 2), --learning_rate 0.01 (now 0.5), --save_every_n_epochs none (now 3)",
    );
    assert.equal(context.lines.filter((text) => text.includes("was killed")).length, leftovers.length);
    assert.deepEqual(names(config.outputDir), [...others, "thing-state", "thing.safetensors"].sort());

    await Deno.remove(join(dir, "data/1_thing/0.png"));
    const fewer = await trainNetwork({ ...again, maxTrainSteps: 3 }, listening()).catch((error) =>
      error.message
    );
    assert.match(
      fewer,
      /the number of images 3 \(now 2\), .*batches of an epoch 3 \(now 2\), .*hash of the images/,
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
