/** networks.lora_fa, dylora and oft: their modules, a forward pass, for OFT the merged weights too. */

import { compile, Graph } from "../../../../src/graph/mod.ts";
import {
  drawMasks,
  filedAs,
  type LayerDraws,
  loraAdapter,
  type NetworkModule,
  networkNamed,
  parameterGroups,
  recordMerge,
  tensorShapes,
  trainedAs,
} from "../../../../src/networks/mod.ts";
import { PythonRandom, TorchGenerator } from "../../../../src/random/mod.ts";
import { type Device, ParameterStore } from "../../../../src/runtime/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, exact } from "../../compare.ts";
import { goldenDevice } from "../../device.ts";
import { toChannelsFirst } from "../../layout.ts";
import { uniform } from "../../synth.ts";
import { uploadSynth } from "../../synth_models.ts";
import { recordScene, sceneInputs, sceneModel } from "./scene.ts";
import { ruleWeights } from "./shared.ts";

// deno-lint-ignore no-explicit-any -- the cases as they are
type Json = any;

export async function otherKind(c: GoldenCase, name: string): Promise<Check[]> {
  const { json } = c, network = networkNamed(name), model = sceneModel(json);
  const flags = {
    dim: json.network_dim ?? json["network_dim(num_blocks)"],
    alpha: json.network_alpha ?? json["network_alpha(constraint)"],
    dropout: null,
    args: Object.entries(json.network_args).map(([key, value]) => `${key}=${value}`),
  };
  const options = network.options(flags, model.family.sites.blocks, true);
  const linearProjection = json.modules.some((row: Json[]) =>
    row[0].endsWith("_proj_in") && row.at(-1).length === 2
  );
  const modules = network.modules(model.shapes, model.family, options, { linearProjection });
  const { weights } = name === "networks.oft"
    ? { weights: oftWeights(modules, json.weights) }
    : trainedAs({ modules: filedAs(empty(modules)).modules, weights: ruleOf(modules) }, options);
  const shape = c.tensors().info("out").shape, inputs = sceneInputs(json.inputs, model, shape);
  const device = goldenDevice(), store = new ParameterStore(device);
  const record = (draws?: LayerDraws[], live = true) => {
    // sd-scripts' DyLoRA does not use its multiplier
    const g = new Graph(), multiplier = name === "networks.dylora" ? 1 : json.multiplier ?? 1;
    const adapter = live ? loraAdapter(modules, { draws, multiplier }) : undefined;
    recordScene(g, { model, inputs, shape, adapter });
    return g;
  };
  const run = async (graph: Graph, more = {}) => {
    const program = await compile(graph, store);
    const found = await program.run({ ...inputs, ...more });
    program.destroy();
    return { ...found, out: toChannelsFirst(found.out, shape) } as Record<string, Float32Array>;
  };
  try {
    uploadSynth(store, model.shapes, { frozen: () => false });
    for (const [key, shape] of tensorShapes(modules)) store.upload(key, shape, "f32", weights.get(key)!);
    const list: LayerDraws[] = [], graph = record(name === "networks.dylora" ? list : undefined);
    const python = new PythonRandom(json.python_random_seed ?? 0), drawn: number[] = [];
    const generators = {
      torch: new TorchGenerator(0),
      python: { randint: (a: number, b: number) => (drawn.push(python.randint(a, b)), drawn.at(-1)!) },
    };
    const found = await run(graph, drawMasks(list, generators));
    const limit = json.tolerance.rel, checks = [exact("modules", rowsOf(modules, json), json.modules)];
    for (const key of Object.keys(found)) {
      if (c.tensors().has(key)) checks.push(close(key, found[key], c.tensors().f32(key), limit));
    }
    const draws: number[] | undefined = json["randint(0,dim-1) drawn, in call order"];
    if (draws) checks.push(exact("ranks drawn", drawn, draws));
    if (json.param_groups) checks.push(groupsOf(modules, options, json.param_groups));
    if (c.tensors().has("merged_out")) {
      // the recording merged a network without weights: it has the plain model's output; merging ours gives the live one's
      const plain = await run(record(undefined, false));
      checks.push(close("plain model", plain.out, c.tensors().f32("merged_out"), limit));
      const merge = new Graph();
      recordMerge(merge, modules, (key) => store.has(key) ? store.get(key) : undefined, json.multiplier);
      await (await compile(merge, store)).run();
      const { out } = await run(record(undefined, false));
      checks.push(close("merged", out, c.tensors().f32("out"), limit));
    }
    return checks;
  } finally {
    store.destroy();
    (device as Device).close();
  }
}

function rowsOf(modules: readonly NetworkModule[], json: Json): unknown[] {
  const { modules: filed } = filedAs(empty(modules)), withAlpha = typeof json.modules[0][1] === "number";
  return filed.map(({ name, alpha, tensors }) => [
    name,
    ...withAlpha ? [alpha.value] : [],
    ...Object.values(tensors).map((shape) => [...shape]),
  ]);
}

function groupsOf(modules: readonly NetworkModule[], options: Json, expected: Json[]): Check {
  const [text, image] = expected;
  const groups = parameterGroups(modules, options, { default: null, unet: image.lr, textEncoder: text.lr });
  return exact(
    "groups",
    groups.map(({ lr, keys }) => ({ lr, n: keys.length, first3: keys.slice(0, 3) })),
    expected,
  );
}

function empty(modules: readonly NetworkModule[]) {
  const weights = [...tensorShapes(modules)].map(([key, shape]): [string, Float32Array] => [
    key,
    new Float32Array(shape.reduce((a, d) => a * d, 1)),
  ]);
  return { modules, weights: new Map(weights) };
}

function ruleOf(modules: readonly NetworkModule[]) {
  return ruleWeights(filedAs(empty(modules)).modules, 0.1);
}

/** oft_blocks = float32(0.05*uniform(''+name)) */
function oftWeights(modules: readonly NetworkModule[], rule: string): Map<string, Float32Array> {
  const factor = Number(/float32\(([\d.]+)\*uniform/.exec(rule)![1]);
  return new Map(
    [...tensorShapes(modules)].map((
      [key, shape],
    ) => [key, uniform(key, shape.reduce((a, d) => a * d, 1), factor)]),
  );
}
