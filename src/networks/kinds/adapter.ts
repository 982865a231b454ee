/** A live LoRA in a graph: y + multiplier * alpha / rank * up(dropouts(down(x))), its weights trainable float32. */

import {
  add,
  affine,
  cast,
  conv2d,
  elements,
  type Graph,
  linear,
  mul,
  reshape,
  type Shape,
  type Tensor,
} from "../../graph/mod.ts";
import type { Adapter, Layer } from "../../models/weights.ts";
import type { LayerDraws } from "./dropout.ts";
import { keysOf, type LoraModule, scaleOf } from "../sites/modules.ts";

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
  /** Collects the masks to draw for each run, in the order of the layers; required with any dropout. */
  draws?: LayerDraws[];
  /** Before the weights' parameter names and the masks' input names, for several networks in one graph. */
  prefix?: string;
}

/** Joins the modules' layers of a model; give it to the model's weights. Layers that have no module stay as they are. */
export function loraAdapter(modules: readonly LoraModule[], options: AdapterOptions = {}): Adapter {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  return (path, x, y, layer) => {
    const module = byPath.get(path);
    return module ? add(y, branch(module, x, layer, options)) : y;
  };
}

/** Several networks on one model, each adding to the plain layer's output. */
export function adapters(list: readonly Adapter[]): Adapter {
  return (path, x, y, layer) => list.reduce((sum, adapter) => adapter(path, x, sum, layer), y);
}

/** multiplier * scale * up(dropouts(down(x))), shaped like the layer's output. */
function branch(module: LoraModule, x: Tensor, layer: Layer, options: AdapterOptions): Tensor {
  const { prefix = "", dropout, rankDropout, moduleDropout, draws } = options;
  const graph = layer.weights.graph;
  const keys = keysOf(module);
  const weight = (key: string, shape: Shape) => cast(graph.parameter(prefix + key, shape, "f32"), x.dtype);
  let h = down(x, weight(keys.down, module.downShape), layer);

  let scale = scaleOf(module);
  const factors: Tensor[] = []; // float32, each broadcasting over h
  const drawn: LayerDraws = { channelsFirst: module.shape.length === 4 };
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
    const [n] = h.shape;
    drawn.rank = { input: `${prefix}${module.name}.rank_mask`, p: rankDropout, count: n * module.rank };
    factors.push(overInner(mask("rank_mask", [n, module.rank]), h.shape));
    scale *= 1 / (1 - rankDropout);
  }
  if (drawn.module || drawn.dropout || drawn.rank) {
    if (!draws) throw new TypeError("a LoRA with dropout needs a list for its draws");
    draws.push(drawn);
  }
  if (typeof options.multiplier === "number") scale *= options.multiplier;
  else if (options.multiplier) factors.push(overInner(perRow(options.multiplier, h.shape[0]), h.shape));
  // the factors meet h where it is narrowest: rank channels instead of the layer's width
  for (const factor of factors) h = mul(h, factor.dtype === h.dtype ? factor : cast(factor, h.dtype));
  h = affine(h, scale, 0);

  const up = weight(keys.up, module.upShape);
  return linear(h, reshape(up, [module.upShape[0], module.rank]));
}

/** x (..., in) or (N, H, W, in) -> rank channels. 1x1 convolutions are linear layers. */
function down(x: Tensor, weight: Tensor, { stride, pad }: Layer): Tensor {
  const [rank, ...inputs] = weight.shape;
  if (elements(inputs) === inputs[0]) return linear(x, reshape(weight, [rank, inputs[0]]));
  return conv2d(x, weight, undefined, { stride, pad });
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
