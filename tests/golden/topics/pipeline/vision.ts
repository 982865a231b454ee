/** The CLIP model that a case describes in its notes, as transformers saves one. */

import { encode } from "../../../../src/networks/mod.ts";
import { writeSafetensors } from "../../../../src/formats/safetensors.ts";
import { synthTensor } from "../../synth.ts";

interface VisionConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly image_size: number;
  readonly patch_size: number;
  readonly projection_dim: number;
}

/** Writes "CLIPVisionModelWithProjection({...}), weights synth.tensor('TAG' + key)" and gives the flag that names it. */
export function writeVision(folder: string, notes: readonly string[]): { clipVisionModel?: string } {
  const rule = /CLIPVisionModelWithProjection\((\{.*?\})\).*?synth\.tensor\('([^']*)' \+ key\)/;
  const [, config, tag] = notes.map((note) => rule.exec(note)).find((found) => found !== null) ?? [];
  if (config === undefined) return {};
  const path = `${folder}/clip_vision`, parsed = JSON.parse(config.replaceAll("'", '"'));
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(`${path}/config.json`, JSON.stringify(parsed));
  writeSafetensors(
    `${path}/model.safetensors`,
    visionShapes(parsed).map(([name, shape]) => ({
      name,
      dtype: "F32",
      shape,
      data: encode(synthTensor(tag + name, shape), "F32"),
    })),
  );
  return { clipVisionModel: path };
}

export function visionShapes(config: VisionConfig): [string, number[]][] {
  const { hidden_size: width, intermediate_size: inner, patch_size: patch } = config;
  const tokens = 1 + (config.image_size / patch) ** 2;
  const layer = (name: string, to: number, from: number): [string, number[]][] => [
    [`${name}.weight`, [to, from]],
    [`${name}.bias`, [to]],
  ];
  const norm = (name: string): [string, number[]][] => [[`${name}.weight`, [width]], [
    `${name}.bias`,
    [width],
  ]];
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => `encoder.layers.${i}`);
  const vision: [string, number[]][] = [
    ["embeddings.class_embedding", [width]],
    ["embeddings.patch_embedding.weight", [width, 3, patch, patch]],
    ["embeddings.position_embedding.weight", [tokens, width]],
    ...norm("pre_layrnorm"),
    ...norm("post_layernorm"),
    ...layers.flatMap((name) => [
      ...["q_proj", "k_proj", "v_proj", "out_proj"].flatMap((part) =>
        layer(`${name}.self_attn.${part}`, width, width)
      ),
      ...norm(`${name}.layer_norm1`),
      ...norm(`${name}.layer_norm2`),
      ...layer(`${name}.mlp.fc1`, inner, width),
      ...layer(`${name}.mlp.fc2`, width, inner),
    ]),
  ];
  return [
    ...vision.map(([name, shape]): [string, number[]] => [`vision_model.${name}`, shape]),
    ["visual_projection.weight", [config.projection_dim, width]],
  ];
}
