/** The files that a case of gen_img reads: pictures, masks, LoRAs and embeddings by the rules it gives. */

import { join } from "node:path";
import { encode } from "../../../../src/networks/mod.ts";
import { openSafetensors, writeSafetensors } from "../../../../src/formats/safetensors.ts";
import { encodePng } from "../../../../src/images/png_file.ts";
import { loraModules, saveLora } from "../../../../src/networks/mod.ts";
import { torchBytes } from "../../../formats/pickle/torch_writer.ts";
import { stream, synthTensor, uniform } from "../../synth.ts";
import { CONTROL, controlPlaces, controlShapes, llliteTensors, rename } from "../../../../src/models/mod.ts";
import type { SynthModel } from "../../synth_models.ts";
import { optionsOf, ruleWeights } from "../lora/shared.ts";

// deno-lint-ignore no-explicit-any -- the case as it is
type Rule = any;

export function writeFiles(folder: string, rules: readonly Rule[], model: SynthModel): void {
  for (const rule of rules) {
    const path = join(folder, rule.file);
    if (rule.rectangles) writePicture(path, rule, painted(rule));
    else if (rule.B) writePicture(path, rule, blocks(rule));
    else if (rule.cond_emb_dim) writeLllite(path, rule, model);
    else if (/ControlNet/.test(rule.rule)) writeControlNet(path, rule, model);
    else if (rule.modules) writeLora(path, rule, model);
    else if (rule.vectors) writeEmbedding(path, rule);
    else throw new TypeError(`no rule for ${rule.file}`);
  }
}

function writePicture(path: string, { w, h }: Rule, data: Uint8Array): void {
  Deno.writeFileSync(path, encodePng({ width: w, height: h, data }));
}

/** "black RGB image with rectangles [x0,y0,x1,y1,grey or [r,g,b]] painted in order" */
function painted({ w, h, rectangles }: Rule): Uint8Array {
  const data = new Uint8Array(w * h * 3);
  for (const [x0, y0, x1, y1, colour] of rectangles) {
    const rgb = Array.isArray(colour) ? colour : [colour, colour, colour];
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) data.set(rgb, (y * w + x) * 3);
  }
  return data;
}

/** "constant over BxB blocks: pixel (y,x,c) = floor((u+1)*128) clipped to 255" */
function blocks({ w, h, B, NAME }: Rule): Uint8Array {
  const across = Math.ceil(w / B), down = Math.ceil(h / B), u = stream(`input.${NAME}`, across * down * 3);
  return Uint8Array.from({ length: w * h * 3 }, (_, i) => {
    const c = i % 3, x = Math.floor(i / 3) % w, y = Math.floor(i / 3 / w);
    const value = u[(Math.floor(y / B) * across + Math.floor(x / B)) * 3 + c];
    return Math.min(255, Math.floor((value + 1) * 128));
  });
}

function writeLora(path: string, rule: Rule, { family, shapes }: SynthModel): void {
  const args: Record<string, string> = rule.conv_dim === null ? {} : { conv_dim: String(rule.conv_dim) };
  const modules = loraModules(shapes, family, optionsOf(rule.dim, rule.alpha, args, family.sites.blocks));
  if (modules.length !== rule.modules) {
    throw new TypeError(`${modules.length} modules, ${rule.modules} wanted`);
  }
  const tag = /lora_down.weight = synth.tensor\('([^']*)'/.exec(rule.rule)![1];
  const factor = Number(/float32\(([\d.]+)\)\)/.exec(rule.rule)![1]);
  saveLora(path, modules, ruleWeights(modules, factor, tag), null);
}

function writeLllite(path: string, { cond_emb_dim, mlp_dim, rule }: Rule, { shapes }: SynthModel): void {
  const tag = tagIn(rule), share = Math.fround(0.3);
  const tensors = [...llliteTensors(shapes, { embedding: cond_emb_dim, inner: mlp_dim })];
  writeSafetensors(
    path,
    tensors.map(([name, shape]) => {
      const values = synthTensor(tag + name, shape);
      const data = name.endsWith("up.0.weight") ? values.map((x) => x * share) : values;
      return { name, dtype: "F32", shape, data: encode(data, "F32") };
    }),
  );
}

/** In original layout, or SDXL's under diffusers' names; one with a scalar `difference` where the rule says so. */
function writeControlNet(path: string, { rule }: Rule, { shapes }: SynthModel): void {
  const tag = tagIn(rule), difference = rule.includes("'difference'"), sdxl = rule.startsWith("SDXL");
  const places = new Map(controlPlaces({ levels: 3, resBlocks: 2 })), share = Math.fround(0.1);
  const tensors = [...controlShapes(shapes)].map(([own, shape]) => {
    const name = sdxl ? rename(own, places) : CONTROL + own, values = synthTensor(tag + name, shape);
    const changes = difference && /^(time_embed|input_blocks|middle_block)\./.test(own);
    const data = encode(changes ? values.map((x) => x * share) : values, "F32");
    return { name, dtype: "F32", shape: [...shape], data };
  });
  const mark = { name: "difference", dtype: "F32", shape: [], data: encode(Float32Array.of(1), "F32") };
  writeSafetensors(path, difference ? [...tensors, mark] : tensors);
}

/** X of "synth.tensor('X' + key)". */
function tagIn(rule: string): string {
  return /synth\.tensor\('([^']*)' \+ key\)/.exec(rule)![1];
}

function writeEmbedding(path: string, { format, rule }: Rule): void {
  const [, name] = /uniform\('(input\.[^']*)\.KEY'\)/.exec(rule)!;
  const keys = [...rule.slice(rule.indexOf("for keys")).matchAll(/(\w+) \[(\d+),(\d+)\]/g)];
  const tensors = keys.map(([, key, rows, width]) => ({
    name: format === "string_to_param" ? "*" : key,
    dtype: "F32",
    shape: [Number(rows), Number(width)],
    data: encode(uniform(`${name}.${key}`, rows * width, 0.05), "F32"),
  }));
  if (format === "safetensors") return writeSafetensors(path, tensors);
  const plain = `${path}.safetensors`;
  writeSafetensors(plain, tensors);
  using file = openSafetensors(plain);
  const below = format === "string_to_param" ? "string_to_param" : undefined;
  Deno.writeFileSync(path, torchBytes(file, { form: "zip", below }));
}
