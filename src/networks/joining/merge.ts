/** Networks added into base weights: weight + multiplier * scale * delta, on a device. */

import { add, affine, cast, concat, type Graph, reshape, slice, type Tensor } from "../../graph/mod.ts";
import { write } from "../../graph/mod.ts";
import type { DType } from "../../base/dtype.ts";
import type { NetworkModule } from "../kinds/kind.ts";
import { scaleOf } from "../sites/modules.ts";
import { moduleTensors } from "./adapter.ts";

/** Where open_clip keeps three layers in one tensor. */
const FUSED = /^(.*\.attn)\.([qkv])_proj$/;

/** The key of the base weight that a module changes, and which third of its rows. */
export function baseOf(
  module: Pick<NetworkModule, "path">,
  has: (key: string) => boolean,
): { key: string; part: number | null } {
  const key = `${module.path}.weight`;
  const [, attention, letter] = FUSED.exec(module.path) ?? [];
  if (!attention || has(key)) return { key, part: null };
  return { key: `${attention}.in_proj_weight`, part: "qkv".indexOf(letter) };
}

/** All keys of the model that a module changes. */
export function basesOf(module: NetworkModule, has: (key: string) => boolean): string[] {
  const { key } = baseOf(module, has), tensors = Object.keys(module.tensors);
  return tensors.some((suffix) => module.kind.biases?.includes(suffix))
    ? [key, key.replace(/weight$/, "bias")]
    : [key];
}

export interface BaseWeight {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * Records a program that merges modules into base weights held as parameters under their checkpoint keys; the
 * networks' tensors are float32 parameters under prefix + file key. Sums in float32, then rounds once to the stored dtype.
 */
export function recordMerge(
  graph: Graph,
  modules: readonly NetworkModule[],
  base: (key: string) => BaseWeight | undefined,
  multiplier: number,
  prefix = "",
): void {
  const parts = new Map<string, { module: NetworkModule; part: number | null }[]>();
  for (const module of modules) {
    const { key, part } = baseOf(module, (k) => base(k) !== undefined);
    parts.set(key, [...parts.get(key) ?? [], { module, part }]);
  }
  for (const [key, members] of parts) {
    const { shape, dtype } = base(key) ?? {};
    if (!shape || !dtype) throw new TypeError(`${key} is not on the device`);
    const stored = graph.parameter(key, shape, dtype);
    const rows = shape[0], flat = [rows, shape.slice(1).reduce((a, d) => a * d, 1)];
    const weight = reshape(cast(stored, "f32"), flat);
    const pieces: Tensor[] = members[0].part === null
      ? [weight]
      : [0, 1, 2].map((part) => slice(weight, 0, part * rows / 3, rows / 3));
    for (const { module, part } of members) {
      const plain = pieces[part ?? 0], tensors = moduleTensors(graph, module, { prefix });
      const delta = module.kind.delta(tensors, () => plain);
      pieces[part ?? 0] = add(plain, affine(delta, multiplier * scaleOf(module), 0));
    }
    const merged = pieces.length === 1 ? pieces[0] : concat(pieces, 0);
    write(stored, cast(reshape(merged, shape), dtype));
  }
  for (const module of modules) {
    const change = module.kind.biasDelta?.(moduleTensors(graph, module, { prefix }));
    if (change) recordBias(graph, module, affine(change, multiplier * scaleOf(module), 0), base);
  }
}

/** Adds to the bias of a module's layer, or of its part where open_clip keeps three in one. */
function recordBias(
  graph: Graph,
  module: NetworkModule,
  change: Tensor,
  base: (key: string) => BaseWeight | undefined,
): void {
  const { key: weight, part } = baseOf(module, (k) => base(k) !== undefined);
  const key = weight.replace(/weight$/, "bias"), { shape, dtype } = base(key) ?? {};
  if (!shape || !dtype) throw new TypeError(`${key} is not on the device`);
  const stored = graph.parameter(key, shape, dtype), plain = cast(stored, "f32"), third = shape[0] / 3;
  const pieces = part === null ? [plain] : [0, 1, 2].map((i) => slice(plain, 0, i * third, third));
  pieces[part ?? 0] = add(pieces[part ?? 0], change);
  write(stored, cast(pieces.length === 1 ? pieces[0] : concat(pieces, 0), dtype));
}
