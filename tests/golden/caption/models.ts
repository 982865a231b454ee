/** The small models of the cases as files, with the vocabulary and the numbers of heads beside them. */

import { dirname, join } from "node:path";
import { writeSafetensors } from "../../../src/formats/mod.ts";
import { writeTorch } from "../../../src/formats/pickle/torch_writer.ts";
import { loadImage } from "../../../src/images/load.ts";
import type { Pixels } from "../../../src/images/pixels.ts";
import { writePicture } from "../../../src/images/write.ts";
import { readCase } from "../runner.ts";
import { drawn } from "../prepare/pictures.ts";
import { synthTensor } from "../synth.ts";
import type { GoldenCase } from "../case.ts";

type Keys = Readonly<Record<string, number[]>>;

/** Keys and vocabulary of the BLIP model lie in a case of their own. */
export function blipKeys(c: GoldenCase): { keys: Keys; vocabulary: string[] } {
  const found = readCase(join(dirname(c.path), "blip_keys_tiny.json"));
  if (typeof found === "string") throw new Error(found);
  return found.json;
}

/** The value of a tensor by the rule that the cases state. */
function blipTensor(key: string, shape: readonly number[]): Float32Array {
  const words = "text_decoder.bert.embeddings.word_embeddings.weight", head = "text_decoder.cls.predictions";
  if (key === words || key === `${head}.decoder.weight`) return synthTensor(words, shape).map((x) => 14 * x);
  if (key === `${head}.bias` || key === `${head}.decoder.bias`) {
    // 20 times the rule and the 3 in float64, which is the rule's own before it is rounded
    const rule = synthTensor(`${head}.bias`, shape);
    return Float32Array.from(rule, (x, i) => 20 * x + (i === 3 ? 3 : 0));
  }
  if (key.endsWith(".pos_embed")) {
    const plain = synthTensor(key, shape), scale = Math.sqrt(3 / (shape[1] * shape[2]));
    return plain.map((x) => x * 0.5 / scale);
  }
  return synthTensor(key, shape);
}

export function writeBlip(folder: string, c: GoldenCase, name = "model.pth"): string {
  const { keys, vocabulary } = blipKeys(c), { vision, text } = c.json.model;
  const path = join(folder, name), tensors = tensorsOf(keys, blipTensor);
  if (name.endsWith(".pth")) writeTorch(path, tensors, null);
  else writeSafetensors(path, tensors, {});
  Deno.writeTextFileSync(join(folder, "vocab.txt"), vocabulary.slice(0, -2).join("\n") + "\n");
  const config = {
    vision_config: { num_attention_heads: vision.num_heads },
    text_config: { num_attention_heads: text.num_attention_heads },
  };
  Deno.writeTextFileSync(join(folder, "config.json"), JSON.stringify(config));
  return path;
}

export function writeGit(folder: string, { json }: GoldenCase): string {
  const path = join(folder, "model.safetensors");
  const scales: Record<string, number> = { "output.weight": 4, "output.bias": 20 };
  writeSafetensors(
    path,
    tensorsOf(json.keys, (key, shape) => synthTensor(key, shape).map((x) => x * (scales[key] ?? 1))),
    {},
  );
  Deno.writeTextFileSync(join(folder, "vocab.txt"), json.vocabulary.join("\n") + "\n");
  Deno.writeTextFileSync(join(folder, "config.json"), JSON.stringify(json.config));
  return path;
}

function tensorsOf(keys: Keys, values: (key: string, shape: readonly number[]) => Float32Array) {
  return Object.entries(keys).filter(([key]) => !key.endsWith("position_ids")).map(([name, shape]) => ({
    name,
    dtype: "F32",
    shape,
    data: () => new Uint8Array(values(name, shape).buffer as ArrayBuffer),
  }));
}

/** The pictures of a case in their order, as RGB. */
export async function captionPicturesOf({ json }: GoldenCase, folder: string): Promise<Pixels[]> {
  const found: Pixels[] = [];
  for (const [name, given] of Object.entries(json.pictures)) {
    const path = join(folder, `${name}.png`);
    await writePicture(path, drawn(given as never));
    found.push(await loadImage(path));
  }
  return found;
}
