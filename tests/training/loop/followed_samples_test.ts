/** Sample prompts with --cn: pictures that follow a picture, by what is being trained. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { loadImage } from "../../../src/data/mod.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import type { GenImgConfig } from "../../../src/generation/groups.ts";
import { GEN_IMG_DEFAULTS } from "../../generation/defaults.ts";
import { listening } from "../tiny_run.ts";
import { runTrainer, writeInputs } from "../trainers.ts";

const folder = Deno.makeTempDirSync({ prefix: "easel-followed-" });
writeInputs(folder);
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const EDGE = join(folder, "edges/1_thing/0.png");
const CASES: readonly [string, boolean, (path: string) => Partial<GenImgConfig>][] = [
  ["train_controlnet --learning_rate 1e-2", false, (path) => ({ controlNetModels: [path] })],
  [
    "sdxl_train_control_net_lllite --cond_emb_dim 4 --network_dim 3 --no_half_vae --learning_rate 5e-2",
    true,
    (path) => ({ controlNetLlliteModels: [path] }),
  ],
];

for (const [line, sdxl, network] of CASES) {
  const [command] = line.split(" ");

  Deno.test(`${command}: a sample picture with --cn is what gen_img draws with the file`, async () => {
    const prompts = join(folder, `${command}.txt`), context = listening();
    Deno.writeTextFileSync(
      prompts,
      `a thing --s 2 --d 3\na thing --s 2 --d 3 --cn ${EDGE}\nx --cn none.png\n`,
    );
    const more = ["--sample_prompts", prompts, "--sample_every_n_steps", "3"];
    await runTrainer({ line, sdxl, conditioned: true }, folder, command, { more, context });
    const names = [...Deno.readDirSync(join(folder, command, "sample"))].map(({ name }) => name).sort();
    assert.equal(names.length, 2);
    const drawn = async (name: string) => (await loadImage(join(folder, command, "sample", name))).data;
    const [plain, followed] = await Promise.all(names.map(drawn));

    const outdir = join(folder, command, "gen_img"), ckpt = join(folder, sdxl ? "sdxl" : "sd1");
    await genImg({
      ...GEN_IMG_DEFAULTS,
      ...{ ckpt: `${ckpt}.safetensors`, prompt: "a thing --s 2 --d 3", W: 64, H: 64, threads: 1, outdir },
      ...{ sequentialFileName: true, guideImagePath: [EDGE] },
      ...network(join(folder, command, "thing.safetensors")),
    }, quietContext());
    const wanted = (await loadImage(join(outdir, "im_000001.png"))).data;
    const apart = (data: Uint8Array) =>
      data.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i])), 0);
    assert.ok(apart(followed) <= 1, `differs by ${apart(followed)}`);
    assert.ok(apart(plain) > 4, `without --cn differs by ${apart(plain)} only`);
    const told = context.lines.filter((text) => text.startsWith("warning: sample prompt"));
    assert.match(told[0], /"x": .*none\.png: .*; it is not drawn/);
    assert.match(
      told[1],
      /names no picture to follow \(--cn FILE\) and is drawn without what is being trained/,
    );
    assert.equal(told.length, 2);
  });
}
