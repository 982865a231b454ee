/** --show_timesteps says what a training would draw, and trains nothing. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { timestepBars } from "../../../src/training/previews/show_timesteps.ts";
import { noiseLevels } from "../../../src/training/objective/noise_levels.ts";
import { listening, tinyRun } from "../tiny_run.ts";
import { runTrainer } from "../trainers.ts";

Deno.test("--show_timesteps counts what is drawn, and means what the loss is multiplied by", () => {
  const { dir, config } = tinyRun(1);
  Deno.removeSync(dir, { recursive: true });
  for (const { share, weight } of timestepBars(config, 3)) {
    assert.ok(Math.abs(share - 0.05) < 0.004, `${share}`);
    assert.equal(weight, 1);
  }
  const some = timestepBars({ ...config, minTimestep: 400, maxTimestep: 500, minSnrGamma: 5 }, 3);
  assert.deepEqual(some.filter(({ share }) => share > 0).map(({ from }) => from), [400, 450]);
  const { snr } = noiseLevels(false),
    mean = (values: Float32Array) => values.reduce((a, b) => a + b) / values.length;
  const wanted = mean(snr.slice(400, 450).map((x) => Math.min(x, 5) / x));
  assert.ok(Math.abs(some[8].weight - wanted) < 0.01 * wanted);
});

Deno.test("--show_timesteps prints lines or writes a picture in place of training, whatever the command", async () => {
  const { dir } = tinyRun(1), context = listening();
  Deno.renameSync(join(dir, "model.safetensors"), join(dir, "sd1.safetensors"));
  Deno.renameSync(join(dir, "data"), join(dir, "images"));
  const show = async (line: string, how: string) =>
    await runTrainer({ line }, dir, "out", { more: ["--show_timesteps", how], context });
  await show("train_network --network_module networks.lora --min_timestep 950", "console");
  assert.match(
    context.lines.join("\n"),
    /^ +0 to 49 +0\.0 %.*\n(.*\n)+950 to 999 +100\.0 % +#{20} +1\.00 +#{20}$/m,
  );
  await show("train_textual_inversion --token_string zq_thing --learning_rate 1e-3", "image");
  const files = [...Deno.readDirSync(join(dir, "out"))].map(({ name }) => name);
  assert.deepEqual(files, ["thing_timesteps.svg"]);
  assert.match(Deno.readTextFileSync(join(dir, "out", files[0])), /^<svg .*<rect .*<\/svg>\n$/s);
  assert.match(context.lines.join("\n"), /nothing is trained/);
  Deno.removeSync(dir, { recursive: true });
});
