import assert from "node:assert/strict";
import { modelPath } from "../../src/base/assets.ts";
import { quietContext } from "../../src/base/job.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { genImg } from "../../src/generation/gen_img.ts";
import { decodeImage } from "../../src/images/load.ts";
import { openModel, textBlocks } from "../../src/models/mod.ts";
import { uniform } from "../golden/synth.ts";
import { GEN_IMG_DEFAULTS } from "./defaults.ts";

Deno.test("--XTI_embeddings gives each block of the U-Net its own vectors for a word", async () => {
  const dir = Deno.makeTempDirSync(), model = openModel(modelPath("builtin:tiny"));
  const width = model.shapes.get(
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
  )![1];
  const blocks = textBlocks(model.shapes).map(({ name }) => name);
  model.close();
  const vectors = (name: string) => uniform(name, 2 * width, 0.05);
  const write = (path: string, tensors: Record<string, Float32Array>) => {
    const list = Object.entries(tensors).map(([name, values]) => {
      return { name, dtype: "F32", shape: [2, width], data: new Uint8Array(values.buffer) };
    });
    writeSafetensors(`${dir}/${path}`, list);
    return [`${dir}/${path}`];
  };
  const draw = async (name: string, options: Partial<typeof GEN_IMG_DEFAULTS>) => {
    await genImg({
      ...GEN_IMG_DEFAULTS,
      ...{ ckpt: "builtin:tiny", W: 64, H: 64, steps: 2, threads: 1 },
      ...{ prompt: `a zqthing here --n bad --d 1 --f ${name}`, outdir: dir, ...options },
    }, quietContext());
    return (await decodeImage(Deno.readFileSync(`${dir}/${name}.png`))).data;
  };
  try {
    Deno.mkdirSync(`${dir}/same`);
    Deno.mkdirSync(`${dir}/other`);
    const all = (of: (block: string) => string) =>
      Object.fromEntries(blocks.map((block) => [block, vectors(of(block))]));
    const plain = await draw("plain", {
      textualInversionEmbeddings: write("zqthing.safetensors", { emb_params: vectors("a") }),
    });
    const same = await draw("same", { XTIEmbeddings: write("same/zqthing.safetensors", all(() => "a")) });
    assert.deepEqual(same, plain);
    const last = blocks.at(-1)!, changed = all((block) => block === last ? "b" : "a");
    const other = await draw("other", { XTIEmbeddings: write("other/zqthing.safetensors", changed) });
    assert.notDeepEqual(other, plain);
    await assert.rejects(
      draw("none", { XTIEmbeddings: [`${dir}/zqthing.safetensors`] }),
      /zqthing\.safetensors: has no vectors for IN01; give a file of train_textual_inversion_XTI/,
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
