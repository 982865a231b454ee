import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../src/base/job.ts";
import { openSafetensors, type TensorToWrite, writeSafetensors } from "../../src/formats/mod.ts";
import { tokenText, vocabularyTexts } from "../../src/text/mod.ts";
import { interrogate } from "../../src/tools/network/lora_interrogator.ts";
import { writeTinyLora, writeTinyModel } from "../training/tiny_run.ts";

const CONFIG = {
  ...{ v2: false, batchSize: 8192, clipSkip: null },
  ...{ device: "cpu", threads: 1, vramBudget: null, noVendorLibs: false },
};

/** The same LoRA with only the tensors whose name begins so, times a factor. */
function part(from: string, to: string, prefix: string, factor: number): void {
  using file = openSafetensors(from);
  const tensors = file.keys().filter((key) => key.startsWith(prefix)).map((name): TensorToWrite => {
    const values = file.f32(name), shape = file.info(name).shape;
    const scaled = name.endsWith("lora_up.weight") ? values.map((v) => v * factor) : values;
    return { name, dtype: "F32", shape, data: new Uint8Array(scaled.buffer) };
  });
  writeSafetensors(to, tensors, {});
}

Deno.test("interrogate() tells every token once, the most changed first, and nothing where a LoRA adds nothing", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-interrogate-" });
  const at = (name: string) => join(dir, `${name}.safetensors`);
  writeTinyModel(at("model"));
  writeTinyLora(at("lora"), "a", 2);
  part(at("lora"), at("unet"), "lora_unet_", 1);
  part(at("lora"), at("nothing"), "lora_te_", 0);
  const changed = await interrogate({ ...CONFIG, sdModel: at("model"), model: at("lora") }, quietContext());
  deepStrictEqual(changed.map(({ id }) => id).sort((a, b) => a - b), changed.map((_, id) => id));
  strictEqual(changed.length, 49408);
  ok(changed.every(({ difference }, i) => i === 0 || difference <= changed[i - 1].difference));
  ok(changed.at(-1)!.difference > 0);
  const none = await interrogate({ ...CONFIG, sdModel: at("model"), model: at("nothing") }, quietContext());
  ok(none.every(({ difference }) => difference === 0));
  await rejects(
    interrogate({ ...CONFIG, sdModel: at("model"), model: at("unet") }, quietContext()),
    /unet\.safetensors: has no modules for a text encoder/,
  );
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("tokenText() gives a token's text, bytes beyond ASCII decoded and the end of a word as a space", async () => {
  const { tokens } = await vocabularyTexts();
  strictEqual(tokenText(tokens[320]), "a ");
  ok(tokens.some((token) => tokenText(token) === "é "));
  ok(tokens.some((token) => tokenText(token) === "❤"));
});
