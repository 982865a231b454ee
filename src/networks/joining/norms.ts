/** --scale_weight_norms: keeps the change that a module makes to its weight at or below a Frobenius norm. */

import {
  affine,
  concat,
  div,
  exp,
  Graph,
  log,
  maximum,
  minimum,
  mul,
  slice,
  sqrt,
  type Tensor,
  write,
} from "../../graph/mod.ts";
import type { NetworkModule } from "../kinds/kind.ts";
import { scaleOf } from "../sites/modules.ts";
import { moduleTensors } from "./adapter.ts";

export interface NormReport {
  /** Modules whose norm was changed. */
  readonly keysScaled: number;
  /** Mean and largest norm after it. */
  readonly meanNorm: number;
  readonly maximumNorm: number;
}

/** Each module's norm before, and what it was multiplied by: float32, one value a module. */
export interface NormTensors {
  readonly norms: Tensor;
  readonly ratios: Tensor;
}

/** Whether there is a norm of the module that can be limited. */
export const hasNorm = (module: NetworkModule): boolean =>
  module.kind.norm !== undefined && (module.kind.norm.of?.(module) ?? true);

/**
 * Records the scaling of a module's factors in place by ratio ** (1 / factors), where ratio = limit / norm for a norm
 * above `limit` and 1 else. The factors are parameters of `held` under their file keys.
 */
export function recordNormLimit(
  graph: Graph,
  modules: readonly NetworkModule[],
  limit: number,
  held: Tensor["dtype"] = "f32",
): NormTensors {
  const constant = (values: readonly number[]) => graph.constant(Float32Array.from(values), [values.length]);
  const limited = modules.filter(hasNorm);
  const tensorsOf = (module: NetworkModule) => moduleTensors(graph, module, { held });
  const squares = joined(limited.map((module) => module.kind.norm!.square(tensorsOf(module))));
  const scales = constant(limited.map((module) => Math.abs(scaleOf(module))));
  const norms = mul(sqrt(maximum(squares, constant([0]))), scales);
  const ratios = minimum(div(constant([limit]), norms), constant([1])); // of a norm of 0: min(infinity, 1)
  const roots = new Map<number, Tensor>([[1, ratios]]);
  const root = (n: number) =>
    roots.get(n) ??
      roots.set(n, n === 2 ? sqrt(ratios) : exp(affine(log(ratios), 1 / n, 0))).get(n)!;
  limited.forEach((module, i) => {
    const tensors = tensorsOf(module), factors = module.kind.norm!.factors.filter(tensors.has);
    const share = slice(root(factors.length), 0, i, 1);
    for (const suffix of factors) {
      const parameter = moduleTensors(graph, module, { held, dtype: held }).at(suffix);
      write(parameter, mul(tensors.at(suffix), share));
    }
  });
  return { norms, ratios };
}

/** A graph that limits norms and does nothing else. */
export function limitGraph(record: (graph: Graph) => NormTensors): Graph {
  const graph = new Graph();
  for (const [name, value] of Object.entries(record(graph))) graph.output(name, value);
  return graph;
}

/** What happened, of the recorded values. */
export function normReport(norms: Float32Array, ratios: Float32Array): NormReport {
  const after = norms.map((norm, i) => norm * ratios[i]);
  return {
    keysScaled: ratios.reduce((n, ratio) => n + (ratio === 1 ? 0 : 1), 0),
    meanNorm: after.reduce((sum, norm) => sum + norm, 0) / after.length,
    maximumNorm: after.reduce((most, norm) => Math.max(most, norm), 0),
  };
}

/** Values of one axis one behind the other; concat takes 8 at a time. */
function joined(parts: readonly Tensor[]): Tensor {
  if (parts.length === 1) return parts[0];
  const eights = Array.from(
    { length: Math.ceil(parts.length / 8) },
    (_, i) => parts.slice(8 * i, 8 * i + 8),
  );
  return joined(eights.map((some) => concat(some, 0)));
}
