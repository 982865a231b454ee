/** LoRA on text encoders and U-Net: live with several multipliers, and merged into the weights. */

import { deltaOf } from "../../../networks/delta.ts";
import { compile, Graph, type Tensor } from "../../../../src/graph/mod.ts";
import { eosRows, textStates, UNET, Weights } from "../../../../src/models/mod.ts";
import {
  adapterOf,
  DOWN,
  keysOf,
  loraBranch,
  loraModules,
  type LoraWeights,
  multiplierInput,
  type NetworkModule,
  normReport,
  recordMerge,
  recordNormLimit,
  UP,
} from "../../../../src/networks/mod.ts";
import { type Device, ParameterStore, type Program, type Values } from "../../../../src/runtime/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { goldenDevice } from "../../device.ts";
import { close, exact, within } from "../../compare.ts";
import { toChannelsFirst, toChannelsLast, uniformName } from "../../layout.ts";
import { synthTensor, uniform } from "../../synth.ts";
import { caseModel, type SynthModel, uploadSynth } from "../../synth_models.ts";
import { optionsOf, ruleWeights } from "./shared.ts";

interface Scene {
  readonly c: GoldenCase;
  readonly model: SynthModel;
  readonly modules: readonly NetworkModule[];
  readonly weights: LoraWeights;
  readonly inputs: Record<string, Values>;
  /** Of the latents: (N, C, H, W). */
  readonly shape: readonly number[];
}

export async function forward(c: GoldenCase): Promise<Check[]> {
  const scene = prepare(c);
  const device = goldenDevice();
  const store = new ParameterStore(device);
  try {
    uploadSynth(store, scene.model.shapes, { frozen: () => false });
    for (const module of scene.modules) {
      const { down, up } = keysOf(module);
      store.upload(down, module.tensors[DOWN], "f32", scene.weights.get(down)!);
      store.upload(up, module.tensors[UP], "f32", scene.weights.get(up)!);
    }
    return [...await live(scene, store), ...await merged(scene, store), ...await norms(scene, store)];
  } finally {
    store.destroy();
    (device as Device).close();
  }
}

function prepare(c: GoldenCase): Scene {
  const { json } = c, { inputs } = json;
  const model = caseModel(modelOf(json));
  const { family } = model;
  const options = optionsOf(json.network_dim, json.network_alpha, json.network_args, family.sites.blocks);
  const modules = loraModules(model.shapes, family, options);
  const tag = /synth\.tensor\('([^']*)'\+key\)/.exec(json.lora_weights)?.[1] ?? "";
  const factor = Number(/float32\(([\d.]+)\)\)/.exec(json.lora_weights)?.[1] ?? 0.1);
  const shape = c.tensors().info("base_out").shape;
  const size = shape.reduce((a, d) => a * d, 1);
  const rows: number[][] = inputs.ids_rows ?? tokenRows(/token_ids\('([^']+)',\s*(\d+)\)/.exec(inputs.ids1)!);
  const values: Record<string, Values> = {
    x: toChannelsLast(uniform(uniformName(inputs.x), size, Math.sqrt(3)), shape),
    t: Float32Array.from(inputs.t),
    ids0: Int32Array.from(rows.flat()),
  };
  if (family.sizes) {
    values.ids1 = Int32Array.from(rows.flatMap(padZero));
    values.rows = eosRows(values.ids1, rows[0].length);
    values.context = uniform(
      uniformName(inputs.context),
      lastList(inputs.context).reduce((a, d) => a * d, 1),
    );
    values.vector = uniform(uniformName(inputs.y), lastList(inputs.y).reduce((a, d) => a * d, 1));
  }
  return { c, model, modules, weights: ruleWeights(modules, factor, tag), inputs: values, shape };
}

// deno-lint-ignore no-explicit-any -- configurations as the cases spell them
function modelOf(json: any): any {
  const own = json.model;
  const name = /\b(sd\w+-tiny)\b/.exec(json.what)![1];
  if (!own.text1) return { model: name, config: own };
  const unet = { ...own, num_head_channels: own.head_dim, middle_depth: own.depth_middle };
  const { text2 } = own;
  return {
    model: name,
    config: {
      unet,
      clip_l: own.text1,
      clip_g: {
        ...text2,
        mlp: text2.intermediate,
        text_projection: [text2.width ?? text2.hidden, text2.projection],
      },
    },
  };
}

/** The sizes in brackets at the end of a formula. */
function lastList(text: string): number[] {
  return JSON.parse(/\[[\d, ]+\]\s*$/.exec(text)![0]);
}

/** token_ids(name, rows), padded with the end token to 77. */
export function tokenRows([, name, rows]: RegExpExecArray): number[][] {
  return Array.from({ length: Number(rows) }, (_, b) => {
    const count = 6 + Math.floor((uniform(`${name}.${b}`, 1)[0] + 1) / 2 * 12);
    const words = [...uniform(`${name}.${b}`, count + 1)].slice(1).map((u) =>
      300 + Math.floor((u + 1) / 2 * 40000)
    );
    return [49406, ...words, ...new Array(77 - 1 - count).fill(49407)];
  });
}

function padZero(row: readonly number[]): number[] {
  const end = row.indexOf(49407);
  return row.map((id, i) => i > end ? 0 : id);
}

/** Context (or the encoders' states) and prediction; with `lora`, each part has a multiplier of its own as input. */
function record({ model, modules, inputs, shape }: Scene, lora: boolean): Graph {
  const g = new Graph();
  const text = modules.filter((m) => m.part !== "unet"), image = modules.filter((m) => m.part === "unet");
  const adapter = lora
    ? adapterOf([
      loraBranch(text, { multiplier: multiplierInput(g, 1, "text") }),
      loraBranch(image, { multiplier: multiplierInput(g, 1, "unet") }),
    ])
    : undefined;
  const w = Weights.over(g, model.shapes, { adapter });
  const [n, channels, height, width] = shape;
  const ids = g.input("ids0", [n, inputs.ids0.length / n], "i32");
  let context, vector;
  const states = (i: number, ids: Tensor) => textStates(model.family.textEncoders[i], ids, w);
  if (model.family.sizes) {
    const second = states(1, g.input("ids1", ids.shape, "i32"));
    g.output("te1_hidden", states(0, ids).hidden(-2));
    g.output("te2_hidden", second.hidden(-2));
    g.output("te2_pool", second.pooled(g.input("rows", [n], "i32")));
    const columns = w.shape(`${UNET}.middle_block.1.transformer_blocks.0.attn2.to_k.weight`)[1];
    context = g.input("context", [n, inputs.context.length / n / columns, columns]);
    vector = g.input("vector", [n, inputs.vector.length / n]);
  } else {
    context = states(0, ids).normed(1);
    g.output("context", context);
  }
  const x = g.input("x", [n, height, width, channels]);
  g.output("out", model.family.denoise(x, g.input("t", [n]), { context, vector }, w));
  return g;
}

type Outputs = Record<string, Float32Array>;

async function run(program: Program, scene: Scene, text?: number, image?: number): Promise<Outputs> {
  const multipliers: Record<string, Values> = text === undefined
    ? {}
    : { text: Float32Array.of(text), unet: Float32Array.of(image!) };
  const out = await program.run({ ...scene.inputs, ...multipliers });
  return { ...out, out: toChannelsFirst(out.out, scene.shape) };
}

/** Multipliers for which the case has results, by the names of its tensors. */
function multipliers(c: GoldenCase, prefix: string): string[] {
  return c.tensors().keys().filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
}

async function live(scene: Scene, store: ParameterStore): Promise<Check[]> {
  const { c } = scene;
  const checks: Check[] = [];
  const program = await compile(record(scene, true), store);
  const compare = (key: string, values: Float32Array) => {
    if (c.tensors().has(key)) checks.push(close(key, values, c.tensors().f32(key), c.json.tolerance.rel));
  };
  const base = await run(program, scene, 0, 0);
  compare("base_context", base.context);
  compare("base_out", base.out);
  for (const m of multipliers(c, "out_m")) {
    const got = await run(program, scene, Number(m), Number(m));
    compare(`context_m${m}`, got.context);
    compare(`out_m${m}`, got.out);
  }
  if (c.tensors().has("out_te_only")) compare("out_te_only", (await run(program, scene, 1, 0)).out);
  if (c.tensors().has("out_unet_only")) compare("out_unet_only", (await run(program, scene, 0, 1)).out);
  if (c.tensors().has("out")) {
    const m = Number(/multiplier ([\d.-]+)/.exec(c.json.what)![1]);
    const got = await run(program, scene, m, m);
    for (const key of ["out", "te1_hidden", "te2_hidden", "te2_pool"]) compare(key, got[key]);
  }
  program.destroy();
  return checks;
}

/** Merging on the device, and the differences that it makes in single weights. */
async function merged(scene: Scene, store: ParameterStore): Promise<Check[]> {
  const { c, modules, model } = scene;
  const checks: Check[] = [];
  const base = (key: string) => store.has(key) ? store.get(key) : undefined;
  for (const m of multipliers(c, "merged_out_m")) {
    const merge = new Graph();
    recordMerge(merge, modules, base, Number(m));
    const merging = await compile(merge, store);
    await merging.run();
    merging.destroy();
    const program = await compile(record(scene, false), store);
    const { out } = await run(program, scene);
    program.destroy();
    checks.push(close(`merged_out_m${m}`, out, c.tensors().f32(`merged_out_m${m}`), c.json.tolerance.rel));
    for (const name of multipliers(c, `merged_delta_m${m}.`)) {
      const module = modules.find((module) => module.name === name)!;
      const before = synthTensor(`${module.path}.weight`, module.shape);
      const after = store.download(`${module.path}.weight`), { down, up } = keysOf(module);
      const expected = c.tensors().f32(`merged_delta_m${m}.${name}`);
      const exactDelta = deltaOf(module, scene.weights.get(down)!, scene.weights.get(up)!);
      checks.push(
        within(`delta ${name}`, after.map((v, i) => v - before[i]), expected, 1e-6),
        within(`delta ${name} on arrays`, exactDelta.map((v) => v * Number(m)), expected, 1e-6),
      );
    }
    for (const { path } of modules) { // back to the base; encoders with fused projections have no merged case here
      const key = `${path}.weight`;
      store.set(key, synthTensor(key, model.shapes.get(key)!));
    }
  }
  return checks;
}

/** --scale_weight_norms of the rule's weights with their own factor for lora_up. */
async function norms({ c, modules }: Scene, store: ParameterStore): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [key, value] of Object.entries(c.json.values ?? {})) {
    if (!key.startsWith("scale_weight_norms_")) continue;
    const expected = value as Record<string, number> & { norms_after_first8: number[] };
    for (const [name, values] of ruleWeights(modules, expected["lora_up factor"])) store.set(name, values);
    const graph = new Graph();
    const recorded = recordNormLimit(graph, modules, Number(key.slice("scale_weight_norms_".length)));
    for (const [name, tensor] of Object.entries(recorded)) graph.output(name, tensor);
    const program = await compile(graph, store);
    const { norms, ratios } = await program.run();
    program.destroy();
    const report = normReport(norms, ratios);
    const first = modules.slice(0, expected.norms_after_first8.length)
      .map((m) => Math.sqrt(store.download(keysOf(m).down).reduce((sum, v) => sum + v * v, 0)));
    checks.push(
      exact(`${key}: scaled`, report.keysScaled, expected.keys_scaled),
      within(`${key}: mean norm`, [report.meanNorm], [expected.mean_norm], 1e-6),
      within(`${key}: largest norm`, [report.maximumNorm], [expected.max_norm], 1e-6),
      within(`${key}: lora_down`, first, expected.norms_after_first8, 1e-5),
    );
  }
  return checks;
}
