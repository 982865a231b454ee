import assert from "node:assert/strict";
import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import { readEmbeddings } from "../../../src/generation/prompts/embeddings.ts";
import { caseModel } from "../../golden/synth_models.ts";

Deno.test("embedding files become words with the ids after the vocabulary's", async () => {
  const dir = Deno.makeTempDirSync();
  const write = (name: string, tensors: Record<string, number[]>) => {
    const path = `${dir}/${name}`;
    const list = Object.entries(tensors).map(([key, shape]) => {
      const data = new Uint8Array(4 * shape.reduce((a, b) => a * b));
      return { name: key, dtype: "F32", shape, data };
    });
    writeSafetensors(path, list);
    return path;
  };
  try {
    const sd1 = caseModel({ model: "sd1-tiny" }), sdxl = caseModel({ model: "sdxl-tiny" });
    const one = write("sksone.safetensors", { emb_params: [1, 64] });
    const two = write("skstwo.safetensors", { emb_params: [2, 64] });
    const { words, shapes } = await readEmbeddings({ textualInversionEmbeddings: [one, two] }, sd1);
    assert.deepEqual([...words[0]], [["sksone", [49408]], ["skstwo", [49409, 49410]], ["skstwo1", [49410]]]);
    const table = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight";
    assert.deepEqual(shapes.get(table), [49411, 64]);

    const both = write("sksxl.safetensors", { clip_l: [2, 64], clip_g: [2, 128] });
    assert.equal(
      (await readEmbeddings({ textualInversionEmbeddings: [both] }, sdxl)).words[1].get("sksxl")!.length,
      2,
    );
    const uneven = write("sksodd.safetensors", { clip_l: [2, 64], clip_g: [1, 128] });
    for (
      const [paths, model, wanted] of [
        [[both], sd1, /sksxl\.safetensors: holds clip_g, so it is for SDXL, this is an SD1 model/],
        [[write("sksxti.safetensors", { IN01: [1, 64], MID: [1, 64] })], sd1, /holds vectors for each block/],
        [[one], sdxl, /sksone\.safetensors: holds emb_params \[1, 64\], SDXL wants .* called clip_l/],
        [[uneven], sdxl, /2 and 1 vectors/],
        [[one, one], sd1, /the word "sksone" is there already; rename/],
        [[write("photo.safetensors", { emb_params: [1, 64] })], sd1, /"photo" is there already/],
        [[`${dir}/none.pt`], sd1, /none\.pt/],
      ] as const
    ) await assert.rejects(readEmbeddings({ textualInversionEmbeddings: [...paths] }, model), wanted);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
