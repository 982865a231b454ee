/** What a training's files say of it in modelspec. */
import { deepStrictEqual } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { tinyRun } from "../tiny_run.ts";

Deno.test("modelspec's resolution is the flag's, beside a dataset file as well, and without one the family's", async () => {
  const { dir, config } = tinyRun(1), datasetConfig = join(dir, "d.toml");
  const images = join(dir, "data/1_thing");
  Deno.writeTextFileSync(
    datasetConfig,
    `[[datasets]]\nresolution = 64\n[[datasets.subsets]]\nimage_dir = '${images}'\ncaption_extension = '.txt'\n`,
  );
  const told: string[] = [];
  for (const resolution of ["96,128", null]) {
    const given = { ...config, resolution, datasetConfig, trainDataDir: null, maxTrainSteps: 1 };
    await trainNetwork(given, quietContext());
    using file = openSafetensors(join(dir, "out/thing.safetensors"));
    told.push(file.metadata["modelspec.resolution"]);
  }
  deepStrictEqual(told, ["96x128", "512x512"]);
  Deno.removeSync(dir, { recursive: true });
});
