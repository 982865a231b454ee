/** networks.lora_fa, dylora and oft on sd1-tiny: their modules, a forward pass, for OFT the merged weights too. */

import { compile, Graph } from "../../../../src/graph/mod.ts";
import { textStates, Weights } from "../../../../src/models/mod.ts";
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
import { toChannelsFirst, toChannelsLast, uniformName } from "../../layout.ts";
import { uniform } from "../../synth.ts";
import { caseModel, uploadSynth } from "../../synth_models.ts";
import { tokenRows } from "./forward.ts";
import { ruleWeights } from "./shared.ts";

export async function otherKind(c: GoldenCase, name: string): Promise<Check[]> {
  const { json } = c, network = networkNamed(name), model = caseModel({ model: "sd1-tiny" });
  const flags = {
    dim: json.network_dim ?? json["network_dim(num_blocks)"],
    alpha: json.network_alpha ?? json["network_alpha(constraint)"],
    dropout: null,
    args: Object.entries(json.network_args).map(([key, value]) => `${key}=${value}`),
  };
  const options = network.options(flags, model.family.sites.blocks, true);
  const modules = network.modules(model.shapes, model.family, options, {});
  const { weights } = name === "networks.oft"
    ? { weights: oftWeights(modules, json.weights) }
    : trainedAs({ modules: filedAs(empty(modules)).modules, weights: ruleOf(modules) }, options);
  const shape = c.tensors().info("out").shape, [n, channels, height, width] = shape;
  const device = goldenDevice(), store = new ParameterStore(device);
  const record = (draws?: LayerDraws[], live = true) => {
    const g = new Graph(), multiplier = json.multiplier ?? 1;
    const adapter = live ? loraAdapter(modules, { draws, multiplier }) : undefined;
    const w = Weights.over(g, model.shapes, { adapter });
    const context = textStates(model.family.textEncoders[0], g.input("ids0", [n, 77], "i32"), w).normed(1);
    g.output("context", context);
    const x = g.input("x", [n, height, width, channels]);
    g.output("out", model.family.denoise(x, g.input("t", [n]), { context }, w));
    return g;
  };
  const size = shape.reduce((a, d) => a * d, 1);
  const rows = tokenRows(/token_ids\('([^']+)',\s*(\d+)\)/.exec(json.inputs.ids)!);
  const inputs = {
    x: toChannelsLast(uniform(uniformName(json.inputs.x), size, Math.sqrt(3)), shape),
    t: Float32Array.from(json.inputs.t),
    ids0: Int32Array.from(rows.flat()),
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
    for (const key of ["context", "out"]) checks.push(close(key, found[key], c.tensors().f32(key), limit));
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

// deno-lint-ignore no-explicit-any -- the case as it is
function rowsOf(modules: readonly NetworkModule[], json: any): unknown[] {
  const { modules: filed } = filedAs(empty(modules)), withAlpha = typeof json.modules[0][1] === "number";
  return filed.map(({ name, alpha, tensors }) => [
    name,
    ...withAlpha ? [alpha.value] : [],
    ...Object.values(tensors).map((shape) => [...shape]),
  ]);
}

// deno-lint-ignore no-explicit-any -- the case as it is
function groupsOf(modules: readonly NetworkModule[], options: any, expected: any[]): Check {
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
