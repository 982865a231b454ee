/** --scale_weight_norms: keeps alpha / rank * up down of every module at or below a Frobenius norm. */

import {
  concat,
  div,
  elements,
  type Graph,
  matmul,
  maximum,
  minimum,
  mul,
  reshape,
  slice,
  sqrt,
  sum,
  type Tensor,
  write,
} from "../../graph/mod.ts";
import { keysOf, type LoraModule } from "../sites/modules.ts";

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

/**
 * Records the scaling of both factors in place by sqrt(ratio), where ratio = limit / norm for a norm above `limit` and 1
 * else. The factors are float32 parameters under their file keys.
 */
export function recordNormLimit(graph: Graph, modules: readonly LoraModule[], limit: number): NormTensors {
  const constant = (values: readonly number[]) => graph.constant(Float32Array.from(values), [values.length]);
  const squares = joined(modules.map((module) => productSquare(...factors(graph, module))));
  const scales = constant(modules.map((module) => Math.abs(module.alpha.value / module.rank)));
  const norms = mul(sqrt(maximum(squares, constant([0]))), scales);
  const ratios = minimum(div(constant([limit]), norms), constant([1])); // of a norm of 0: min(infinity, 1)
  const roots = sqrt(ratios);
  modules.forEach((module, i) => {
    const root = slice(roots, 0, i, 1);
    for (const factor of factors(graph, module)) write(factor, mul(factor, root));
  });
  return { norms, ratios };
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

function factors(graph: Graph, module: LoraModule): [down: Tensor, up: Tensor] {
  const { down, up } = keysOf(module);
  return [graph.parameter(down, module.downShape), graph.parameter(up, module.upShape)];
}

/**
 * ||U D||^2 = sum(D * (U^T U) D), shape (1), without the product itself: 2 rank^2 (out + in) multiplications in place of
 * rank out in. Each column of D adds d^T (U^T U) d, which is not negative, so nothing cancels between columns, and the
 * long sum over them is left to the op sum. A convolution's U has 1x1 kernels, so that its product is the same with
 * D of (rank, in * height * width).
 */
function productSquare(down: Tensor, up: Tensor): Tensor {
  const rank = down.shape[0];
  const u = reshape(up, [up.shape[0], rank]);
  const d = reshape(down, [rank, elements(down.shape) / rank]);
  return reshape(sum(mul(d, matmul(matmul(u, u, { transA: true }), d))), [1]);
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
