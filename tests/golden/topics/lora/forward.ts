/** LoRA on text encoders and U-Net: live with several multipliers, and merged into the weights. */

import { deltaOf } from "../../../networks/delta.ts";
import { compile, Graph } from "../../../../src/graph/mod.ts";
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
import { toChannelsFirst } from "../../layout.ts";
import { synthTensor } from "../../synth.ts";
import { uploadSynth } from "../../synth_models.ts";
import { recordScene, type Scene, sceneInputs, sceneModel } from "./scene.ts";
import { optionsOf, ruleWeights } from "./shared.ts";

interface LoraScene extends Scene {
  readonly c: GoldenCase;
  readonly modules: readonly NetworkModule[];
  readonly weights: LoraWeights;
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

function prepare(c: GoldenCase): LoraScene {
  const { json } = c, { inputs } = json;
  const model = sceneModel(json);
  const { family } = model;
  const options = optionsOf(json.network_dim, json.network_alpha, json.network_args, family.sites.blocks);
  const rows: [name: string, down: number[], up: number[]][] = json.modules ?? [];
  const linearProjection = rows.some(([name, , up]) => name.endsWith("_proj_in") && up.length === 2);
  const modules = loraModules(model.shapes, family, options, { linearProjection });
  const tag = /synth\.tensor\('([^']*)'\+key\)/.exec(json.lora_weights)?.[1] ?? "";
  const factor = Number(/float32\(([\d.]+)\)\)/.exec(json.lora_weights)?.[1] ?? 0.1);
  const shape = c.tensors().info(c.tensors().has("base_out") ? "base_out" : "out").shape;
  const values = sceneInputs(inputs, model, shape);
  return { c, model, modules, weights: ruleWeights(modules, factor, tag), inputs: values, shape };
}

/** With `lora`, text encoders and U-Net have multipliers of their own as inputs. */
function record({ model, modules, inputs, shape }: LoraScene, lora: boolean): Graph {
  const g = new Graph();
  const text = modules.filter((m) => m.part !== "unet"), image = modules.filter((m) => m.part === "unet");
  const adapter = lora
    ? adapterOf([
      loraBranch(text, { multiplier: multiplierInput(g, 1, "text") }),
      loraBranch(image, { multiplier: multiplierInput(g, 1, "unet") }),
    ])
    : undefined;
  recordScene(g, { model, inputs, shape, adapter });
  return g;
}

type Outputs = Record<string, Float32Array>;

async function run(program: Program, scene: LoraScene, text?: number, image?: number): Promise<Outputs> {
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

async function live(scene: LoraScene, store: ParameterStore): Promise<Check[]> {
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
async function merged(scene: LoraScene, store: ParameterStore): Promise<Check[]> {
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
async function norms({ c, modules }: LoraScene, store: ParameterStore): Promise<Check[]> {
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
