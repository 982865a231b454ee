/** --cache_text_encoder_outputs: a training of SDXL whose captions are encoded once learns as one that encodes them anew. */

import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { withDefaults } from "../../../src/options/mod.ts";
import { sdxlTrainNetworkJob } from "../../../src/training/jobs/train_network_job.ts";
import { sdxlTrainNetworkGroups } from "../../../src/training/options.ts";
import { writeSynthModel } from "../../golden/prepare/arrays.ts";
import { listening, lossesOf, writePictures } from "../tiny_run.ts";

Deno.test("encoded captions give the losses of captions that each step encodes, from memory and from files", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-captions-" });
  writeSynthModel(join(dir, "sdxl.safetensors"), "sdxl-tiny");
  writePictures(join(dir, "data"), 2);
  const config = withDefaults(sdxlTrainNetworkGroups, {
    ...{ pretrainedModelNameOrPath: join(dir, "sdxl.safetensors"), trainDataDir: join(dir, "data") },
    ...{
      outputDir: join(dir, "out"),
      outputName: "x",
      resolution: "64",
      captionExtension: ".txt",
      cacheLatents: true,
    },
    ...{
      networkModule: "networks.lora",
      networkDim: 2,
      networkTrainUnetOnly: true,
      maxTrainSteps: 2,
      seed: 1,
    },
    ...{ device: "cpu", threads: 1, learningRate: 1e-3 },
  });
  const losses = async (more: Partial<typeof config>) => {
    const context = listening();
    await sdxlTrainNetworkJob.run({ ...config, ...more }, context);
    return lossesOf(context);
  };
  const plain = await losses({});
  const near = (found: number[]) => found.every((loss, i) => Math.abs(loss - plain[i]) < 1e-5 * plain[i]);
  ok(near(await losses({ cacheTextEncoderOutputs: true })), "in memory");
  const files = () =>
    [...Deno.readDirSync(join(dir, "data/1_thing"))].map(({ name }) => name).filter((n) => n.endsWith("npz"));
  deepStrictEqual(files(), []);
  ok(near(await losses({ cacheTextEncoderOutputsToDisk: true })), "on the disk");
  deepStrictEqual(files().sort(), ["0_te_outputs.npz", "1_te_outputs.npz"]);
  ok(near(await losses({ cacheTextEncoderOutputsToDisk: true })), "from the disk");
  for (
    const [more, pattern] of [
      [{ networkTrainUnetOnly: false }, /text encoders would be trained; give --network_train_unet_only/],
      [{ shuffleCaption: true }, /--cache_text_encoder_outputs and shuffle_caption exclude each other/],
      [
        { maxTokenLength: 150 as const },
        /has hidden_state1 of \[77, 64\], \[152, 64\] are wanted; delete it/,
      ],
    ] as const
  ) {
    const refused = { ...config, cacheTextEncoderOutputsToDisk: true, ...more };
    await rejects(sdxlTrainNetworkJob.run(refused, quietContext()), pattern);
  }
});
