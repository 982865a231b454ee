/** Optimizers: 20 steps on fixed gradients. */
import {
  blocksOf,
  CODES,
  compile,
  dequantize,
  dynamicMap,
  Graph,
  quantize,
  type Quantized,
} from "../../../src/graph/mod.ts";
import { findOptimizer, readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { TrainingStep } from "../../../src/training/step/step.ts";
import {
  allocateGroups,
  flat,
  gradientOf,
  type ParameterGroup,
  splitGroup,
} from "../../../src/training/step/trainable.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { goldenDevice } from "../device.ts";
import { close } from "../compare.ts";
import { stream } from "../synth.ts";
import { readTrainArgs } from "../train_args.ts";

interface Case {
  train_args: string[];
  params: Record<string, { shape: number[]; init: string }>;
  grads: string;
  param_groups: [string[], number][] | null;
  tolerance: { rel_l2_of_update?: number };
}

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "optim") return null;
  const json: Case = c.json;
  if (c.json.case === "quantization_maps") return () => quantizationMaps(c);
  const { config } = readTrainArgs(json.train_args);
  if (!findOptimizer(config.optimizerType)) return `optimizer ${config.optimizerType} is not supported yet`;
  return () => run(c, json);
}

async function run(c: GoldenCase, json: Case): Promise<Check[]> {
  const { config } = readTrainArgs(json.train_args);
  const names = Object.keys(json.params);
  const rates = json.param_groups ?? [[names, config.learningRate]];
  const groups: ParameterGroup[] = rates.map(([members, lr]) => ({
    name: "group",
    learningRate: lr,
    parameters: members.map((name) => ({ name, shape: json.params[name].shape })),
  }));
  const device = goldenDevice();
  const store = new ParameterStore(device);
  try {
    allocateGroups(store, groups);
    const initial = new Map(
      names.map((name) => [name, Float32Array.from(scaled(json.params[name].init, json, name))]),
    );
    for (const [name, values] of initial) store.set(name, values);
    const step = new TrainingStep(store, {
      groups,
      record: () => {
        throw new Error("only update is run");
      },
      optimizer: readOptimizer(config.optimizerType, config.optimizerArgs),
      maxGradNorm: 0,
      gradientAccumulationSteps: 1,
      scaleLoss: false,
    });
    const checks: Check[] = [];
    const limit = json.tolerance.rel_l2_of_update ?? 1e-4;
    for (let k = 0; k < 20; k++) {
      for (const name of names) store.set(gradientOf(name), gradient(json, name, k));
      await step.update(groups.map((g) => g.learningRate));
      groups.forEach((group, i) => {
        for (const [name, values] of splitGroup(group, store.download(flat.weights(i)))) {
          if (!c.tensors().has(`p.${name}.after${k + 1}`)) continue;
          const expected = c.tensors().f32(`p.${name}.after${k + 1}`);
          const start = initial.get(name)!;
          const update = (x: Float32Array) => Float64Array.from(x, (v, j) => v - start[j]);
          checks.push(close(`${name} after ${k + 1}`, update(values), update(expected), limit));
        }
      });
    }
    step.destroy();
    return checks;
  } finally {
    store.destroy();
    device.close();
  }
}

/** The maps, and arrays whose codes, scales and values must be the recorded ones. */
async function quantizationMaps(c: GoldenCase): Promise<Check[]> {
  const device = goldenDevice(), store = new ParameterStore(device), checks: Check[] = [];
  try {
    for (const [name, signed] of [["x", true], ["y", false]] as const) {
      const map = dynamicMap(signed), of = signed ? "signed" : "unsigned", n = 1000, tensors = c.tensors();
      checks.push(close(`${of} map`, map, tensors.f32(`${of}_map`), 0));
      store.upload("codes", [n], "u8", new Int32Array(n));
      store.upload("absmax", [blocksOf(n)], "f32", new Float32Array(blocksOf(n)));
      const graph = new Graph();
      const array: Quantized = {
        codes: graph.parameter("codes", [n], "u8"),
        absmax: graph.parameter("absmax", [blocksOf(n)]),
        map: graph.constant(map, [CODES]),
      };
      quantize(array, graph.input(name, [n]), graph.constant(Float32Array.of(1), [1]));
      graph.output("values", dequantize(array));
      const program = await compile(graph, store, { chains: true });
      const { values } = await program.run({ [name]: tensors.f32(name) });
      program.destroy();
      checks.push(close(`${name}: codes`, store.download("codes"), tensors.f32(`${name}.codes`), 0));
      checks.push(close(`${name}: scales`, store.download("absmax"), tensors.f32(`${name}.absmax`), 0));
      checks.push(close(`${name}: values`, values, tensors.f32(`${name}.dequant`), 0));
      store.free("codes");
      store.free("absmax");
    }
    return checks;
  } finally {
    store.destroy();
    device.close();
  }
}

/** The numbers of "float32(0.5*uniform('optim.p.A'))". */
function scaled(rule: string, json: Case, name: string): Float64Array {
  const found = /([\d.]+)\*uniform\('([^']+)'\)/.exec(rule)!;
  return stream(found[2], size(json, name)).map((u) => Number(found[1]) * u);
}

/** The numbers of "float32(s*(a*uniform('…gconst.NAME') + b*uniform('…g.k.NAME')))" in step k. */
function gradient(json: Case, name: string, k: number): Float32Array {
  const rule = /([\d.]+)\*\(([\d.]+)\*uniform\('([^']+)'\) \+ ([\d.]+)\*uniform\('([^']+)'\)\)/.exec(
    json.grads,
  )!;
  const [, scale, a, constant, b, changing] = rule;
  const named = (text: string) => text.replace("NAME", name).replace(/\bk\b/, String(k));
  const fixed = stream(named(constant), size(json, name)), moving = stream(named(changing), size(json, name));
  return Float32Array.from(fixed, (u, i) => Number(scale) * (Number(a) * u + Number(b) * moving[i]));
}

const size = (json: Case, name: string) => json.params[name].shape.reduce((x, y) => x * y, 1);
