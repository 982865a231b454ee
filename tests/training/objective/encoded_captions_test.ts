/** --cache_text_encoder_outputs: a training of SDXL whose captions are encoded once learns as one that encodes them anew. */

import { deepStrictEqual, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { withDefaults } from "../../../src/options/mod.ts";
import { sdxlTrainNetworkJob } from "../../../src/training/jobs/train_network_job.ts";
import { sdxlTrainNetworkGroups } from "../../../src/training/options.ts";
import { writeSynthModel } from "../../golden/prepare/arrays.ts";
import { listening, lossesOf, writePictures } from "../tiny_run.ts";

/** A folder with two pictures and a model, what a training is told of them, and its losses. */
function given() {
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
  const losses = async (more: Partial<typeof config>, heard: string[] = []) => {
    const context = listening();
    await sdxlTrainNetworkJob.run({ ...config, ...more }, context);
    heard.push(...context.lines);
    return lossesOf(context);
  };
  return { dir, config, losses };
}

const near = (found: number[], wanted: number[]) =>
  found.every((loss, i) => Math.abs(loss - wanted[i]) < 1e-5 * wanted[i]);

Deno.test("a picture of two datasets is trained with the caption of each, as if each step encoded it", async () => {
  const { dir, losses } = given(), folder = join(dir, "data/1_thing"), heard: string[] = [];
  for (const name of ["0", "1"]) {
    Deno.writeTextFileSync(join(folder, `${name}.long`), `another text, ${name}`);
  }
  const datasetConfig = join(dir, "sets.toml");
  const dataset = (ending: string) =>
    `[[datasets]]\nresolution = 64\n[[datasets.subsets]]\nimage_dir = "${folder}"\ncaption_extension = "${ending}"\n`;
  Deno.writeTextFileSync(datasetConfig, dataset(".txt") + dataset(".long"));
  const own = { datasetConfig, maxTrainSteps: 4 }, cached = { ...own, cacheTextEncoderOutputsToDisk: true };
  const plain = await losses(own);
  ok(near(await losses({ ...own, cacheTextEncoderOutputs: true }), plain), "in memory");
  for (const where of ["to the disk", "from the disk"]) ok(near(await losses(cached, heard), plain), where);
  match(
    heard.join("\n"),
    /0_te_outputs\.npz: holds the caption of an earlier dataset; those of 2 pictures for later ones stay in memory/,
  );
  const compat = { compat: "0.9.1", maxDataLoaderNWorkers: 0 } as const;
  ok(!near(await losses({ ...cached, ...compat }, heard), await losses({ ...own, ...compat })));
  match(heard.join("\n"), /2 pictures for later ones are not used, as in sd-scripts/);
});

Deno.test("encoded captions give the losses of captions that each step encodes, from memory and from files", async () => {
  const { config, dir, losses } = given();
  const plain = await losses({});
  ok(near(await losses({ cacheTextEncoderOutputs: true }), plain), "in memory");
  const files = () =>
    [...Deno.readDirSync(join(dir, "data/1_thing"))].map(({ name }) => name).filter((n) => n.endsWith("npz"));
  deepStrictEqual(files(), []);
  ok(near(await losses({ cacheTextEncoderOutputsToDisk: true }), plain), "on the disk");
  deepStrictEqual(files().sort(), ["0_te_outputs.npz", "1_te_outputs.npz"]);
  ok(near(await losses({ cacheTextEncoderOutputsToDisk: true }), plain), "from the disk");
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
