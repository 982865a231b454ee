/** What inspect makes of files. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { modelFile } from "../../src/options/paths.ts";
import { openCheckpoint } from "../../src/formats/mod.ts";
import { inspectFile } from "../../src/tools/inspect.ts";
import { writeTinyLora, writeTinyModel } from "../training/tiny_run.ts";

Deno.test("builtin:tiny is taken wherever a file of tensors is", async () => {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("EASEL_ASSETS");
  Deno.env.set("EASEL_ASSETS", folder);
  try {
    writeTinyModel(join(folder, "tiny.safetensors"));
    const { path, what, bytes } = inspectFile("builtin:tiny");
    assert.deepEqual([path, what], ["builtin:tiny", "an SD1 checkpoint"]);
    assert.equal(bytes, Deno.statSync(join(folder, "tiny.safetensors")).size);
    openCheckpoint("builtin:tiny").close();
    modelFile("FILE", "builtin:tiny");
    assert.throws(
      () => modelFile("FILE", "builtin:tny"),
      /there is no such built-in model; there is builtin:tiny$/,
    );
    assert.throws(() => modelFile("model", folder), /is a folder, --model names a file$/);
  } finally {
    if (before === undefined) Deno.env.delete("EASEL_ASSETS");
    else Deno.env.set("EASEL_ASSETS", before);
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a network's family, ranks and alphas are told apart from the words", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "a.safetensors");
    writeTinyLora(path, "a", 4);
    const { kind, family, ranks, alphas, what } = inspectFile(path);
    assert.deepEqual([kind, family, ranks, alphas], ["lora", null, [2, 4], [1]]);
    assert.match(what, /^a LoRA for a model with text of width 64, rank 2, 4, alpha 1, /);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
