/** ControlNet and ControlNet-LLLite: names in files, what the graphs give, and gradients. */

import { add, compile, gradients, Graph, mul, sum, type Tensor } from "../../../src/graph/mod.ts";
import {
  below,
  CONTROL,
  controlNet,
  controlPlaces,
  controlShapes,
  hintFeatures,
  llliteAdapter,
  llliteEmbedding,
  llliteModules,
  llliteShapes,
  llliteTensors,
  originalControlKeys,
  rename,
  reversed,
  UNET,
  Weights,
} from "../../../src/models/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { close, exact, sample, within } from "../compare.ts";
import { goldenDevice } from "../device.ts";
import { toChannelsFirst, toChannelsLast } from "../layout.ts";
import { synthTensor, uniform } from "../synth.ts";
import { caseModel, type SynthModel, synthModel } from "../synth_models.ts";
import { controlTrained } from "./train/control.ts";
import { llliteTrained } from "./train/lllite.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "controlnet") return null;
  const { json } = c;
  if (json.columns?.[0] === "name") return () => Promise.resolve(modules(c));
  if (json.columns) return () => Promise.resolve(keys(c));
  if (json.rule && json.expected?.out_stats) return () => forward(c);
  if (json.cond_emb_dim && json.expected?.out) return () => lllite(c);
  return () => /lllite/.test(json.reference) ? llliteTrained(c) : controlTrained(c);
}

/** Every name of either layout from the other. */
function keys({ json }: GoldenCase): Check[] {
  const rows = json.keys as [string, string, number[]][], sai = json.columns[0] === "key in the file";
  const original = rows.map(([a, b]) => sai ? b : a), diffusers = rows.map(([a, b]) => sai ? a : b);
  const control = (key: string) => key.startsWith("controlnet_");
  const found = originalControlKeys(diffusers);
  const resBlocks = 2, levels = sai ? 3 : 4;
  const places = new Map(controlPlaces({ levels, resBlocks }));
  return [
    exact("count", rows.length, json.count),
    exact(
      "to original",
      // the SDXL module itself keeps the names of its own parts
      diffusers.map((key) => sai && control(key) ? key : (sai ? "" : CONTROL) + found.get(key)!),
      original,
    ),
    exact("to diffusers", diffusers.map((key) => rename(found.get(key)!, places)), diffusers),
    exact(
      "prefix",
      [...originalControlKeys(original).values()].filter((key) => key.startsWith(CONTROL)),
      [],
    ),
  ];
}

function modules({ json }: GoldenCase): Check[] {
  const full = !String(json.case ?? "").includes("tiny") && json.count > 100;
  const { shapes } = full
    ? synthModel("sdxl", { unet: FULL_SDXL })
    : caseModel({ ...json, model: "sdxl-tiny" });
  const found = llliteModules(below(shapes, `${UNET}.`));
  const first = json.shapes["0"] as [string, number[]][];
  const size = (name: string) => first.find(([key]) => key === name)![1][0];
  const sizes = { inner: size("down.0.weight"), embedding: 2 * size("conditioning1.0.weight") };
  return [
    exact(
      "modules",
      found.map(({ name, depth, width }) => [name, depth, width]),
      json.modules.map((row: unknown[]) => row.slice(0, 3)),
    ),
    exact(
      "shapes",
      found.map((module) => llliteShapes(module, sizes)),
      json.modules.map((row: number[]) => json.shapes[row[3]]),
    ),
  ];
}

const FULL_SDXL = {
  model_channels: 320,
  channel_mult: [1, 2, 4],
  transformer_depth: [0, 2, 10],
  middle_depth: 10,
  num_head_channels: 64,
  context_dim: 2048,
  adm_in_channels: 2816,
  use_linear_in_transformer: true,
};

/** An input by the golden format: "1.7*uniform('input.CASE.NAME')", channels last for pictures. */
function input(c: GoldenCase, name: string, shape: number[], scale: number, shift = 0): Float32Array {
  const values = uniform(`input.${c.json.case}.${name}`, shape.reduce((a, b) => a * b), scale);
  const moved = shift ? values.map((x) => x + shift) : values;
  return shape.length === 4 ? toChannelsLast(moved, shape) : moved;
}

const LATENTS = [2, 4, 16, 16], PICTURE = [2, 3, 128, 128];

interface Run {
  readonly graph: Graph;
  readonly inputs: Record<string, Float32Array>;
  readonly unet: Weights;
  readonly model: SynthModel;
  readonly latents: Tensor;
  readonly context: Tensor;
  readonly picture: Tensor;
  readonly timesteps: Tensor;
  readonly vector?: Tensor;
}

function begin(c: GoldenCase, times: readonly number[], unit: boolean): Run {
  const model = caseModel(c.json), graph = new Graph();
  const width = model.shapes.get(`${UNET}.middle_block.1.transformer_blocks.0.attn2.to_k.weight`)![1];
  const inputs: Record<string, Float32Array> = {
    latents: input(c, "sample", LATENTS, 1.7),
    context: input(c, "context", [2, 77, width], 1.7),
    timesteps: Float32Array.from(times),
    picture: unit ? input(c, "cond", PICTURE, 0.5, 0.5) : input(c, "cond", PICTURE, 1),
  };
  const vectorWidth = model.shapes.get(`${UNET}.label_emb.0.0.weight`)?.[1];
  if (vectorWidth) inputs.vector = input(c, "vector", [2, vectorWidth], 1);
  return {
    ...{ graph, inputs, model },
    unet: Weights.over(graph, model.shapes),
    latents: graph.input("latents", [2, 16, 16, 4]),
    context: graph.input("context", [2, 77, width]),
    picture: graph.input("picture", [2, 128, 128, 3]),
    timesteps: graph.input("timesteps", [2]),
    vector: vectorWidth ? graph.input("vector", [2, vectorWidth]) : undefined,
  };
}

async function execute(
  { graph, inputs, model }: Run,
  weightOf: (name: string) => Float32Array | undefined,
): Promise<Record<string, Float32Array>> {
  const device = goldenDevice(), store = new ParameterStore(device);
  try {
    for (const { source, outputs } of graph.nodes) {
      if (source?.kind !== "parameter" || store.has(source.name)) continue;
      const { shape } = outputs[0];
      const values = weightOf(source.name) ?? synthTensor(source.name, model.shapes.get(source.name)!);
      store.upload(source.name, shape, "f32", values);
    }
    const program = await compile(graph, store);
    const result = await program.run(inputs);
    program.destroy();
    return result;
  } finally {
    store.destroy();
    device.close();
  }
}

const MODULE_SDXL = "controlnet.", OUTS = /^out_\d+/;

async function forward(c: GoldenCase): Promise<Check[]> {
  const sdxl = c.json.model.includes("sdxl");
  return [...await outputs(c, sdxl), ...await steered(c, sdxl)];
}

/** A ControlNet's part of a run, and its tensors by the names of the case. */
function control(c: GoldenCase, sdxl: boolean) {
  const run = begin(c, c.json.inputs.timesteps ?? [999, 123], sdxl);
  const { graph, model, picture } = run, places = controlPlaces({ levels: sdxl ? 3 : 4, resBlocks: 2 });
  const weights = Weights.over(graph, controlShapes(model.shapes));
  const values = (name: string) => {
    if (name.startsWith(UNET)) return undefined;
    const shape = weights.shape(name);
    return synthTensor(sdxl ? MODULE_SDXL + rename(name, new Map(places)) : CONTROL + name, shape);
  };
  // SDXL's own parts have diffusers' names, its blocks original ones
  const original = (name: string) =>
    name.startsWith(CONTROL) ? name.slice(CONTROL.length) : rename(name, reversed(places));
  return { run, weights, hint: hintFeatures(picture, weights), values, original };
}

/** What the ControlNet gives, and gradients of L = sum_i mean(out_i * g_i). */
async function outputs(c: GoldenCase, sdxl: boolean): Promise<Check[]> {
  const { run, weights, hint, values, original } = control(c, sdxl);
  const { graph, inputs, latents, timesteps, context, picture, vector } = run;
  const heads = c.json.model.includes("sd1") ? () => 8 : (channels: number) => Math.max(1, channels / 64);
  const { skips, middle } = controlNet(latents, timesteps, context, { weights, hint }, { heads, vector });
  const outs = [...skips, middle], shapes = new Map<string, number[]>();
  let loss: Tensor | undefined;
  outs.forEach((out, i) => {
    const [n, h, w, channels] = out.shape, size = n * h * w * channels;
    const name = `out_${String(i).padStart(2, "0")}`, planar = [n, channels, h, w];
    graph.output(name, out);
    shapes.set(name, planar);
    inputs[`g${i}`] = toChannelsLast(uniform(`input.${c.json.case}.g.${i}`, size), planar).map((x) =>
      x / size
    );
    const part = sum(mul(out, graph.input(`g${i}`, out.shape)));
    loss = loss ? add(loss, part) : part;
  });
  graph.output("L", loss!);
  const known: Record<string, Tensor> = { sample: latents, context, cond: picture };
  const names = gradientNames(c, "grad.");
  gradients(loss!, names.map((name) => known[name] ?? weights.parameter(original(name))))
    .forEach((gradient, i) => gradient && graph.output(`grad.${names[i]}`, gradient));
  shapes.set("grad.sample", LATENTS).set("grad.cond", PICTURE);
  const result = await execute(run, values);
  return [
    within("L", result.L, [c.json.expected.L], 1e-5),
    ...compared(c, result, shapes, (key) => OUTS.test(key) || key.startsWith("grad.")),
  ];
}

/** The U-Net with the ControlNet, and gradients of mean(unet_out * gy) where the case has them. */
async function steered(c: GoldenCase, sdxl: boolean): Promise<Check[]> {
  const { run, weights, hint, values, original } = control(c, sdxl);
  const { graph, inputs, latents, timesteps, context, vector, unet, model } = run;
  const out = model.family.denoise(latents, timesteps, { context, vector }, unet, {
    control: { weights, hint, reachesMiddle: !sdxl },
  });
  graph.output("unet_out", out);
  const names = gradientNames(c, "unet_grad.");
  if (names.length) {
    const size = LATENTS.reduce((a, b) => a * b);
    inputs.gy = toChannelsLast(uniform(`input.${c.json.case}.gy`, size), LATENTS).map((x) => x / size);
    gradients(out, names.map((name) => weights.parameter(original(name))), graph.input("gy", out.shape))
      .forEach((gradient, i) => gradient && graph.output(`unet_grad.${names[i]}`, gradient));
  }
  const result = await execute(run, values);
  return compared(c, result, new Map([["unet_out", LATENTS]]), (key) => key.startsWith("unet_"));
}

async function lllite(c: GoldenCase): Promise<Check[]> {
  const { json } = c, run = begin(c, [500, 500], false);
  const { graph, inputs, model, latents, timesteps, context, vector, picture } = run;
  const sizes = { inner: json.mlp_dim, embedding: json.cond_emb_dim };
  const shapes = llliteTensors(model.shapes, sizes);
  const weights = Weights.over(graph, shapes),
    multiplier = graph.constant(Float32Array.of(json.multiplier), [1]);
  const adapter = llliteAdapter({ weights, picture, multiplier, height: 16, width: 16 });
  const unet = Weights.over(graph, model.shapes, { adapter });
  const out = model.family.denoise(latents, timesteps, { context, vector }, unet);
  graph.output("out", out);
  for (const key of c.tensors().keys().filter((key) => key.endsWith(".cond_emb"))) {
    graph.output(key, llliteEmbedding(picture, weights.at(key.slice(0, -".cond_emb".length))));
  }
  const size = LATENTS.reduce((a, b) => a * b), planar = new Map([["out", LATENTS], ["grad.cond", PICTURE]]);
  inputs.g = toChannelsLast(uniform(`input.${json.case}.g`, size), LATENTS).map((x) => x / size);
  const names = gradientNames(c, "grad.");
  gradients(
    out,
    names.map((name) => name === "cond" ? picture : weights.parameter(name)),
    graph.input("g", out.shape),
  )
    .forEach((gradient, i) => gradient && graph.output(`grad.${names[i]}`, gradient));
  const result = await execute(run, (name) => {
    if (!shapes.has(name)) return undefined;
    const values = synthTensor(name, shapes.get(name)!), share = Math.fround(0.3);
    return name.endsWith("up.0.weight") ? values.map((x) => x * share) : values;
  });
  return compared(c, result, planar, () => true);
}

/** What the case has gradients of. */
function gradientNames(c: GoldenCase, prefix: string): string[] {
  return c.tensors().keys().filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length).replace(/_sample$/, ""));
}

/** Recorded tensors, whole or samples of them, against what came out; `planar` names those that are channels first. */
function compared(
  c: GoldenCase,
  result: Record<string, Float32Array>,
  planar: ReadonlyMap<string, number[]>,
  wanted: (key: string) => boolean,
): Check[] {
  const tensors = c.tensors(), { tolerance } = c.json;
  return tensors.keys().filter(wanted).map((key) => {
    const name = planar.has(key) || result[key] ? key : key.replace(/_sample$/, "");
    const raw = result[name] ?? new Float32Array(0), shape = planar.get(name);
    const values = shape && raw.length ? toChannelsFirst(raw, shape) : raw, expected = tensors.f32(key);
    // adding the same to all keys changes no attention
    if (key.endsWith("attn1_to_k.up.0.bias")) return within(key, values, expected, 1e-8);
    return close(
      key,
      name === key ? values : sample(values, expected.length),
      expected,
      key.includes("grad.") ? tolerance.grad_rel_l2 : tolerance.out_rel_l2,
    );
  });
}
