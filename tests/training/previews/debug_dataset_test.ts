/** --debug_dataset: pictures, masks and a page in a folder, and no training. */

import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../../src/base/errors.ts";
import { quietContext } from "../../../src/base/job.ts";
import { loadImage } from "../../../src/images/load.ts";
import { trainNetworkJob } from "../../../src/training/jobs/train_network_job.ts";
import { listening, tinyRun } from "../tiny_run.ts";
import { runTrainer, TRAINERS, writeInputs } from "../trainers.ts";

Deno.test("--debug_dataset writes what is trained on, as it is cut and captioned, and stops", async () => {
  const { dir, config } = tinyRun(3), context = listening();
  const shown = {
    ...config,
    debugDataset: true,
    alphaMask: true,
    captionPrefix: "<b>",
    shuffleCaption: false,
    outputName: "x",
  };
  await trainNetworkJob.run(shown, context);
  const folder = join(shown.outputDir, "x_debug_dataset");
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  strictEqual(names.length, 7, names.join());
  strictEqual(names.at(-1), "index.html");
  deepStrictEqual([...Deno.readDirSync(shown.outputDir)].map(({ name }) => name), ["x_debug_dataset"]);
  const { width, height, data } = await loadImage(join(folder, names[0]));
  deepStrictEqual([width, height], [64, 64]);
  const originals = await Promise.all([0, 1, 2].map((i) => loadImage(join(dir, `data/1_thing/${i}.png`))));
  ok(originals.some((original) => original.data.every((x, i) => x === data[i])), "a picture of the folder");
  const page = Deno.readTextFileSync(join(folder, "index.html"));
  match(page, /<code>&lt;b&gt; thing, number 2, seen<\/code>/);
  match(page, /<dt>training size<\/dt><dd>64x64<\/dd>/);
  match(context.lines.join("\n"), /index\.html with 3 pictures of the first epoch; nothing is trained/);
});

Deno.test("--debug_dataset that is interrupted says so", async () => {
  const { config } = tinyRun(2);
  const stopped = quietContext(AbortSignal.abort(new Interrupted("interrupted")));
  await rejects(trainNetworkJob.run({ ...config, debugDataset: true }, stopped), Interrupted);
});

Deno.test("--debug_dataset of a textual inversion stops too, and says what its template does to captions", async () => {
  const folder = Deno.makeTempDirSync(), context = listening();
  writeInputs(folder);
  await runTrainer(TRAINERS["textual inversion"], folder, "out", { more: ["--debug_dataset"], context });
  deepStrictEqual([...Deno.readDirSync(join(folder, "out"))].map(({ name }) => name), [
    "thing_debug_dataset",
  ]);
  match(
    context.lines.join("\n"),
    /warning: --use_style_template: its sentences take the place of the captions/,
  );
  Deno.removeSync(folder, { recursive: true });
});
