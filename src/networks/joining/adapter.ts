/** Live networks in a graph: what each module adds to its layer's output, its weights trainable float32. */

import {
  add,
  affine,
  cast,
  type Graph,
  mul,
  reshape,
  type Shape,
  slice,
  sum,
  type Tensor,
} from "../../graph/mod.ts";
import type { Adapter, Layer } from "../../models/weights.ts";
import type { ModuleTensors, NetworkModule, PlainLayer } from "../kinds/kind.ts";
import { norm } from "../kinds/full.ts";
import { overChannels } from "../kinds/parts.ts";
import type { RowDropout } from "../sites/args.ts";
import { scaleOf } from "../sites/modules.ts";
import type { LayerDraws } from "./masks.ts";

export interface AdapterOptions {
  /**
   * A number, or a float32 tensor of shape (1) or (N), one factor a picture; where a layer's batch is a multiple of N
   * (text encoders over several chunks) each factor holds for consecutive rows.
   */
  multiplier?: number | Tensor;
  /** Probabilities while training; absent or null where off. */
  dropout?: number | null;
  rankDropout?: number | null;
  moduleDropout?: number | null;
  /** In place of rankDropout: outputs are dropped, the same for all pictures of a batch. */
  rowDropout?: RowDropout | null;
  /** Collects the masks to draw for each run, in the order of the layers; required with any dropout. */
  draws?: LayerDraws[];
  /** The dtype of the network's parameters; default "f32". */
  held?: Tensor["dtype"];
  /** Before the weights' parameter names and the masks' input names, for several networks in one graph. */
  prefix?: string;
}

/** What one network does to a model. */
export interface Branch {
  /** What it adds to a plain layer's output y; null where it has no module on that layer. */
  (path: string, x: Tensor, y: Tensor, layer: Layer): Tensor | null;
  /** What it adds to a norm's weight or bias, by the checkpoint's key; null where nothing. */
  readonly norms?: (key: string, value: Tensor) => Tensor | null;
}

/** Several networks on one model. Each sees the plain layer's output, whatever the others add to it. */
export function adapterOf(branches: readonly Branch[]): Adapter {
  const joined = (value: Tensor, more: (branch: Branch) => Tensor | null | undefined) =>
    branches.reduce((sum, branch) => {
      const found = more(branch);
      return found ? add(sum, found) : sum;
    }, value);
  return Object.assign(
    (path: string, x: Tensor, y: Tensor, layer: Layer) => joined(y, (branch) => branch(path, x, y, layer)),
    branches.some(({ norms }) => norms)
      ? { norms: (key: string, value: Tensor) => joined(value, ({ norms }) => norms?.(key, value)) }
      : {},
  );
}

/** One network on a model; give it to the model's weights. Layers that have no module stay as they are. */
export function loraAdapter(modules: readonly NetworkModule[], options: AdapterOptions = {}): Adapter {
  return adapterOf([loraBranch(modules, options)]);
}

export function loraBranch(modules: readonly NetworkModule[], options: AdapterOptions = {}): Branch {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const branch: Branch = (path, x, y, layer) => {
    const module = byPath.get(path);
    if (!module) return null;
    const { prefix = "", draws, held } = options;
    const tensors = moduleTensors(layer.weights.graph, module, { prefix, held, dtype: x.dtype });
    const rows = options.rowDropout ? rowFactors(layer.weights.graph, module, options) : undefined;
    const plain = {
      ...{
        x,
        y,
        layer,
        bias: () => baseBias(path, layer),
        weight: () => cast(baseWeight(path, layer), x.dtype),
      },
      rows,
      draw: draws && drawing(module, prefix, draws),
    };
    const more = module.kind.output(plain, tensors, (h) => strengthen(h, module, layer, options));
    if (!rows) return more;
    drawRows(module, options); // after what the kind draws
    return module.kind.dropsRows ? more : mul(more, overChannels(rows, more));
  };
  if (modules.every(({ kind }) => kind !== norm)) return branch;
  return Object.assign(branch, {
    norms: (key: string, value: Tensor) =>
      normChange(byPath.get(key.slice(0, key.lastIndexOf("."))), key, value, options),
  });
}

/** What a module adds to a norm's weight or bias: the same for all pictures of a batch. */
function normChange(
  module: NetworkModule | undefined,
  key: string,
  { graph, dtype, shape }: Tensor,
  { prefix, held, multiplier = 1 }: AdapterOptions,
): Tensor | null {
  if (module?.kind !== norm) return null;
  const tensors = moduleTensors(graph, module, { prefix, held, dtype });
  const base = graph.constant(new Float32Array(shape[0]), [shape[0], 1]); // its shape alone is asked
  const change = key.endsWith("bias")
    ? norm.biasDelta!(tensors)
    : reshape(norm.delta(tensors, () => base), shape);
  if (!change || typeof multiplier === "number") return change && affine(change, multiplier as number, 0);
  // strengths of single pictures do not reach norms, which have one weight for all: their mean does
  const [n] = multiplier.shape, mean = affine(sum(multiplier), 1 / n, 0);
  return mul(change, cast(mean, dtype));
}

/** The bias of a layer; of its part where open_clip keeps three layers in one tensor. */
function baseBias(path: string, { weights, shape: [out] }: Layer): Tensor | undefined {
  if (path === weights.path) return weights.maybe("bias");
  const part = ["q_proj", "k_proj", "v_proj"].indexOf(path.slice(weights.path.length + 1));
  const fused = weights.maybe("in_proj_bias");
  return part >= 0 && fused ? slice(fused, 0, part * out, out) : undefined;
}

/** The weight of a layer, or of its part. */
function baseWeight(path: string, { weights, shape }: Layer): Tensor {
  if (path === weights.path) return reshape(weights.tensor("weight"), shape);
  const part = ["q_proj", "k_proj", "v_proj"].indexOf(path.slice(weights.path.length + 1));
  if (part < 0) throw new TypeError(`${path}: a layer without a weight of its own`);
  return slice(weights.tensor("in_proj_weight"), 0, part * shape[0], shape[0]);
}

/** LyCORIS's rank_dropout: whole outputs of a module's change. */
function rowFactors(graph: Graph, module: NetworkModule, { prefix = "" }: AdapterOptions): Tensor {
  return graph.input(`${prefix}${module.name}.row_mask`, [module.shape[0]]);
}

function drawRows(module: NetworkModule, { prefix = "", rowDropout, draws }: AdapterOptions): void {
  const { p, scale } = rowDropout!, input = `${prefix}${module.name}.row_mask`;
  if (!draws) throw new TypeError("a network with dropout needs a list for its draws");
  draws.push({
    name: module.name,
    channelsFirst: false,
    own: { input, values: ({ torch }) => rowMask(torch.rand(module.shape[0]), p, scale) },
  });
}

function rowMask(random: Float32Array, p: number, scale: RowDropout["scale"]): Float32Array {
  const kept = random.map((r) => r > p ? 1 : 0), mean = kept.reduce((a, b) => a + b, 0) / kept.length;
  const factor = scale === "kept" ? 1 / (1 - p) : scale === "mean" && mean > 0 ? 1 / mean : 1;
  return kept.map((k) => k * factor);
}

/** Inputs of a kind's own, drawn for every run. */
function drawing(module: NetworkModule, prefix: string, draws: LayerDraws[]): PlainLayer["draw"] {
  return (what, values) => {
    const input = `${prefix}${module.name}.${what}`;
    draws.push({ name: module.name, channelsFirst: false, own: { input, values } });
    return input;
  };
}

/** A module's parameters, cast to `dtype` where one is given. */
export function moduleTensors(
  graph: Graph,
  module: NetworkModule,
  { prefix = "", dtype = "f32", held = "f32" }: {
    readonly prefix?: string;
    readonly dtype?: Tensor["dtype"];
    readonly held?: Tensor["dtype"];
  } = {},
): ModuleTensors {
  const { name, tensors } = module;
  return {
    module,
    has: (suffix) => suffix in tensors,
    at: (suffix) => cast(graph.parameter(`${prefix}${name}.${suffix}`, tensors[suffix], held), dtype),
  };
}

/** h times masks, multiplier and scale. */
function strengthen(h: Tensor, module: NetworkModule, layer: Layer, options: AdapterOptions): Tensor {
  const { prefix = "", dropout, rankDropout, moduleDropout, draws } = options;
  const { graph } = layer.weights;
  let scale = scaleOf(module);
  const factors: Tensor[] = []; // float32, each broadcasting over h
  const drawn: LayerDraws = { name: module.name, channelsFirst: module.shape.length === 4 };
  const mask = (kind: string, shape: Shape) => graph.input(`${prefix}${module.name}.${kind}`, shape);
  if (moduleDropout != null) {
    drawn.module = { input: `${prefix}${module.name}.module_mask`, p: moduleDropout };
    factors.push(reshape(mask("module_mask", [1]), h.shape.map(() => 1)));
  }
  if (dropout) {
    drawn.dropout = { input: `${prefix}${module.name}.dropout_mask`, p: dropout, shape: h.shape };
    factors.push(mask("dropout_mask", h.shape));
  }
  if (rankDropout != null) {
    const n = h.shape[0], channels = h.shape[h.shape.length - 1];
    drawn.rank = { input: `${prefix}${module.name}.rank_mask`, p: rankDropout, count: n * channels };
    factors.push(overInner(mask("rank_mask", [n, channels]), h.shape));
    scale *= 1 / (1 - rankDropout);
  }
  if (drawn.module || drawn.dropout || drawn.rank) {
    if (!draws) throw new TypeError("a LoRA with dropout needs a list for its draws");
    draws.push(drawn);
  }
  if (typeof options.multiplier === "number") scale *= options.multiplier;
  else if (options.multiplier) factors.push(overInner(perRow(options.multiplier, h.shape[0]), h.shape));
  for (const factor of factors) h = mul(h, factor.dtype === h.dtype ? factor : cast(factor, h.dtype));
  return affine(h, scale, 0);
}

/** (N or 1, C or 1) -> (N, 1, .., C): the same for every token or pixel of a row. */
function overInner(t: Tensor, shape: Shape): Tensor {
  return reshape(t, [t.shape[0], ...shape.slice(1, -1).map(() => 1), t.shape[1]]);
}

/** (1) or (N) -> (1 or batch, 1). */
function perRow(multiplier: Tensor, batch: number): Tensor {
  const [n] = multiplier.shape;
  if (n === 1 || n === batch) return reshape(multiplier, [n, 1]);
  if (batch % n !== 0) throw new TypeError(`${n} multipliers do not fit a batch of ${batch}`);
  const ones = multiplier.graph.constant(new Float32Array(batch / n).fill(1), [1, batch / n]);
  return reshape(mul(reshape(multiplier, [n, 1]), ones), [batch, 1]);
}

/** The multiplier as an input of the graph, so that it can change from run to run. */
export function multiplierInput(graph: Graph, rows = 1, name = "lora.multiplier"): Tensor {
  return graph.input(name, [rows], "f32");
}
