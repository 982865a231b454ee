/** --train_inpainting in every command that has it, with models of every family; what is made is drawn with. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { openCheckpoint } from "../../../src/formats/mod.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import { decodeImage } from "../../../src/images/load.ts";
import { UNET } from "../../../src/models/mod.ts";
import { GEN_IMG_DEFAULTS } from "../../generation/defaults.ts";
import { TINY_SD2, writeTinyModel } from "../tiny_run.ts";
import { runTrainer, writeInputs } from "../trainers.ts";

const folder = Deno.makeTempDirSync({ prefix: "easel-inpainting-" });
writeInputs(folder);
writeTinyModel(join(folder, "sd2.safetensors"), {}, TINY_SD2);
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const sdxl = (name: string) => name.startsWith("sdxl");

async function train(line: string, model: string, out: string): Promise<string> {
  const trainer = { line: `${line} --train_inpainting`, model, sdxl: sdxl(line), uncached: true };
  const more = ["--max_train_steps", "1", "--save_model_as", "safetensors"];
  await runTrainer(trainer, folder, out, { more });
  return join(folder, out, "thing.safetensors");
}

const MADE: readonly [string, string][] = [
  ["sd1", "train_db --learning_rate 1e-3"],
  ["sd2", "fine_tune --learning_rate 1e-3 --v2 --v_parameterization"],
  ["sdxl", "sdxl_train --learning_rate 1e-3 --no_half_vae"],
];

/** What trains something for an inpainting model that is there. */
const USED: readonly [string, string][] = [
  ["sd2", "train_network --network_module networks.lora --network_dim 2 --learning_rate 1e-3 --v2"],
  [
    "sdxl",
    "sdxl_train_network --network_module networks.lora --network_dim 2 --unet_lr 1e-3 --no_half_vae",
  ],
  ["sd1", "train_textual_inversion --token_string zq_thing --init_word cat --learning_rate 5e-3"],
  ["sd1", "train_textual_inversion_XTI --token_string thing, --init_word cat --learning_rate 5e-3"],
  ["sdxl", "sdxl_train_textual_inversion --token_string zq_thing --init_word cat --learning_rate 5e-3"],
];

for (const [model, line] of MADE) {
  const [command] = line.split(" ");

  Deno.test(`${command} makes an inpainting model of ${model}, which draws and on which others train`, async () => {
    const made = await train(line, `${model}.safetensors`, `${model}-made`);
    {
      using file = openCheckpoint(made);
      const first = `${UNET}.input_blocks.0.0.weight`;
      assert.equal(file.info(first).shape[1], 9);
      assert.ok(file.f32(first).every(Number.isFinite));
    }
    const picture = join(folder, "images/1_thing/0.png"), mask = join(folder, "edges/1_thing/1.png");
    const draw = async (name: string, options: { imagePath?: string; maskPath?: string }) => {
      const outdir = join(folder, `${model}-drawn`);
      await genImg({
        ...GEN_IMG_DEFAULTS,
        ...{ ckpt: made, prompt: `a thing --d 3 --f ${name}`, W: 64, H: 64, steps: 2, threads: 1, outdir },
        ...options,
      }, quietContext());
      return (await decodeImage(Deno.readFileSync(join(outdir, `${name}.png`)))).data;
    };
    const painted = await draw("painted", { imagePath: picture, maskPath: mask });
    assert.notDeepEqual(painted, await draw("whole", { imagePath: picture }));
    for (const [of, used] of USED) {
      if (of !== model) continue;
      const name = used.split(" ")[0];
      using file = openCheckpoint(await train(used, `${model}-made/thing.safetensors`, `${model}-${name}`));
      assert.ok(
        file.keys().length > 0 && file.keys().every((key) => file.f32(key).every(Number.isFinite)),
        name,
      );
    }
  });
}
