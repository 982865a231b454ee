/** How often what is run while pictures are drawn: nothing is computed that no picture needs. */

import assert from "node:assert/strict";
import { quietContext } from "../../../src/base/job.ts";
import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import type { GenImgConfig } from "../../../src/generation/groups.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import { Programs } from "../../../src/graph/mod.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { controlShapes } from "../../../src/models/mod.ts";
import { TINY, writeTinyModel } from "../../training/tiny_run.ts";
import { synthTensor } from "../../golden/synth.ts";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";

const dir = Deno.makeTempDirSync({ prefix: "easel-work-" });
globalThis.addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));
writeTinyModel(`${dir}/model.safetensors`);

/** The programs of a run in their order: "text", "unet", "hint", "decode", and what the U-Net's was made for. */
async function runs(options: Partial<GenImgConfig>): Promise<{ kinds: string[]; unet: string[] }> {
  const keys: string[] = [], plain = Programs.prototype.run;
  Programs.prototype.run = function (this: Programs<string>, key, ...rest) {
    keys.push(String(key));
    return plain.call(this, key, ...rest);
  } as typeof plain;
  try {
    await genImg({
      ...{ ...GEN_IMG_DEFAULTS, ckpt: `${dir}/model.safetensors`, outdir: `${dir}/out`, threads: 1 },
      ...{ prompt: "a cat --d 3", W: 64, H: 64, steps: 4, sampler: "euler", ...options },
    }, quietContext());
  } finally {
    Programs.prototype.run = plain;
  }
  return { kinds: keys.map((key) => key.split(" ")[0]), unet: keys.filter((key) => key.startsWith("unet")) };
}

const count = (kinds: readonly string[], kind: string) => kinds.filter((each) => each === kind).length;

Deno.test("each different prompt is encoded once, whatever it is for", async () => {
  Deno.writeTextFileSync(`${dir}/prompts.txt`, "a cat --n blurry\nblurry --n a cat\na cat --n blurry\n");
  const { kinds } = await runs({
    prompt: null,
    fromFile: `${dir}/prompts.txt`,
    imagesPerPrompt: 2,
    steps: 1,
  });
  assert.deepEqual([count(kinds, "text"), count(kinds, "unet"), count(kinds, "decode")], [2, 6, 6]);
});

Deno.test("guidance at scale 1 costs nothing: no negative prompt, half the rows", async () => {
  const guided = await runs({ scale: 7 }), plain = await runs({ scale: 1 });
  assert.deepEqual([count(guided.kinds, "text"), count(plain.kinds, "text")], [2, 1]);
  const [rows] = plain.unet, [both] = guided.unet;
  assert.match(rows, /^unet 1 8 8 77 1 /);
  assert.match(both, /^unet 1 8 8 77 2 /);
  assert.equal(plain.unet.length, 4);
});

Deno.test("a ControlNet runs in the steps of its ratio alone; its picture is looked at once", async () => {
  const net = `${dir}/net.safetensors`, guide = `${dir}/guide.png`;
  const tensors = [...controlShapes(TINY.shapes)].map(([name, shape]) => ({
    ...{ name, dtype: "F32", shape: [...shape] },
    data: () => new Uint8Array(synthTensor(name, shape).buffer),
  }));
  writeSafetensors(net, tensors);
  Deno.writeFileSync(
    guide,
    encodePng({ width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(200) }),
  );
  const followed = await runs({ controlNetModels: [net], controlNetRatios: [0.3], guideImagePath: [guide] });
  const { unet: [plain] } = await runs({});
  assert.deepEqual(followed.unet.map((key) => key === plain), [false, false, true, true]);
  assert.equal(count(followed.kinds, "hint"), 1);
});
