/** A saved LoRA holds exactly the keys that sd-scripts and diffusers look for, derived here from their module trees. */

import assert from "node:assert/strict";
import type { Shapes } from "../../../src/models/mod.ts";
import { openSafetensors } from "../../../src/formats/safetensors.ts";
import { DOWN, loraModules, loraOptions, saveLora, UP } from "../../../src/networks/mod.ts";
import { family, type FamilyName } from "../../golden/synth_models.ts";
import { sd15, sdxl, small } from "../models.ts";

function savedKeys(shapes: Shapes, name: FamilyName, args: string[]): string[] {
  const own = family(name);
  const options = loraOptions({ dim: 1, alpha: 1, dropout: null, args }, own.sites.blocks);
  const modules = loraModules(shapes, own, options);
  const size = (shape: readonly number[]) => shape.reduce((a, d) => a * d, 1);
  const weights = new Map(modules.flatMap((m): [string, Float32Array][] => [
    [`${m.name}.lora_down.weight`, new Float32Array(size(m.tensors[DOWN]))],
    [`${m.name}.lora_up.weight`, new Float32Array(size(m.tensors[UP]))],
  ]));
  const path = Deno.makeTempFileSync({ suffix: ".safetensors" });
  try {
    saveLora(path, modules, weights, "F16");
    using file = openSafetensors(path);
    return file.keys().sort();
  } finally {
    Deno.removeSync(path);
  }
}

function textNames(prefix: string, layers: number): string[] {
  return Array.from(
    { length: layers },
    (_, i) =>
      ["self_attn_k_proj", "self_attn_v_proj", "self_attn_q_proj", "self_attn_out_proj", "mlp_fc1", "mlp_fc2"]
        .map((name) => `${prefix}_text_model_encoder_layers_${i}_${name}`),
  ).flat();
}

function transformerNames(place: string, depth: number): string[] {
  const attention = (n: number) => ["to_q", "to_k", "to_v", "to_out_0"].map((name) => `attn${n}_${name}`);
  const block = [...attention(1), "ff_net_0_proj", "ff_net_2", ...attention(2)];
  const blocks = Array.from(
    { length: depth },
    (_, i) => block.map((name) => `transformer_blocks_${i}_${name}`),
  );
  return ["proj_in", ...blocks.flat(), "proj_out"].map((name) => `${place}_${name}`);
}

function keys(names: string[]): string[] {
  return names.flatMap((n) => [`${n}.alpha`, `${n}.lora_down.weight`, `${n}.lora_up.weight`]).sort();
}

/** diffusers' UNet2DConditionModel: levels of `count` attentions down, one more up. */
function sdAttentions(levels: number, count: number): string[] {
  const places = ["lora_unet_mid_block_attentions_0"];
  for (let level = 0; level < levels; level++) {
    for (let i = 0; i < count; i++) places.push(`lora_unet_down_blocks_${level}_attentions_${i}`);
    for (let i = 0; i <= count; i++) places.push(`lora_unet_up_blocks_${level + 1}_attentions_${i}`);
  }
  return places.flatMap((place) => transformerNames(place, 1));
}

Deno.test("a LoRA of SD1.5 has the keys of 72 text-encoder and 192 U-Net modules", () => {
  const expected = [...textNames("lora_te", 12), ...sdAttentions(3, 2)];
  assert.equal(expected.length, 264);
  assert.deepEqual(savedKeys(sd15(), "sd1", []), keys(expected));
});

Deno.test("a LoRA of a model with one block a level follows its structure", () => {
  const expected = [...textNames("lora_te", 2), ...sdAttentions(3, 1)];
  assert.deepEqual(savedKeys(small(), "sd1", []), keys(expected));
});

Deno.test("conv_dim adds resnets and resamplers to a LoRA of SD1.5", () => {
  const resnet = (place: string, shortcut: boolean) =>
    ["conv1", "time_emb_proj", "conv2", ...shortcut ? ["conv_shortcut"] : []].map((n) => `${place}_${n}`);
  const expected = [...textNames("lora_te", 12), ...sdAttentions(3, 2)];
  for (let level = 0; level < 4; level++) {
    for (let i = 0; i < 2; i++) {
      // widths grow at the first resnet of the second and third level
      expected.push(
        ...resnet(`lora_unet_down_blocks_${level}_resnets_${i}`, i === 0 && (level === 1 || level === 2)),
      );
    }
    for (let i = 0; i < 3; i++) expected.push(...resnet(`lora_unet_up_blocks_${level}_resnets_${i}`, true));
    if (level < 3) {
      expected.push(`lora_unet_down_blocks_${level}_downsamplers_0_conv`);
      expected.push(`lora_unet_up_blocks_${level}_upsamplers_0_conv`);
    }
  }
  for (let i = 0; i < 2; i++) expected.push(...resnet(`lora_unet_mid_block_resnets_${i}`, false));
  assert.equal(expected.length, 350);
  assert.deepEqual(savedKeys(sd15(), "sd1", ["conv_dim=1"]), keys(expected));
});

Deno.test("a LoRA of SDXL has the keys of 264 text-encoder and 722 U-Net modules", () => {
  const depths: [string, number][] = [
    ...[4, 5].map((i): [string, number] => [`input_blocks_${i}_1`, 2]),
    ...[7, 8].map((i): [string, number] => [`input_blocks_${i}_1`, 10]),
    ["middle_block_1", 10],
    ...[0, 1, 2].map((i): [string, number] => [`output_blocks_${i}_1`, 10]),
    ...[3, 4, 5].map((i): [string, number] => [`output_blocks_${i}_1`, 2]),
  ];
  const unet = depths.flatMap(([place, depth]) => transformerNames(`lora_unet_${place}`, depth));
  assert.equal(unet.length, 722);
  const expected = [...textNames("lora_te1", 12), ...textNames("lora_te2", 32), ...unet];
  assert.deepEqual(savedKeys(sdxl(), "sdxl", []), keys(expected));
});
