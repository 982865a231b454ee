/** LoRAs merged into one LoRA (sd-scripts' networks/merge_lora.py), by adding their factors or by joining them. */

import { joined } from "../../base/joined.ts";
import { UserError } from "../../base/errors.ts";
import type { FileModule } from "./file_modules.ts";

export interface MergeInput {
  /** Names the file in errors. */
  readonly path: string;
  readonly modules: readonly FileModule[];
  readonly ratio: number;
  /** A further factor for single modules. */
  readonly weightOf?: (module: string) => number;
}

export interface MergeOptions {
  /** Joins ranks: the result's product is the sum of the products. Otherwise factors are added, which wants equal ranks. */
  readonly concat: boolean;
  /** As the reference, whose joined network keeps the first one's alpha and squares the ratios. */
  readonly compat: boolean;
  /** An order of n ranks, where they are to be shuffled. */
  readonly shuffle: ((n: number) => number[]) | null;
  /** Rounds values in place to the dtype that merging is done in. */
  readonly round: (values: Float32Array) => Float32Array;
}

export interface MergedModule {
  readonly name: string;
  readonly rank: number;
  readonly alpha: number;
  /** Rank and alpha of the first file that has the module; without an alpha of its own that is the rank. */
  readonly first: { readonly rank: number; readonly alpha: number; readonly ownAlpha: boolean };
  readonly downShape: readonly number[];
  readonly upShape: readonly number[];
  readonly down: Float32Array;
  readonly up: Float32Array;
}

/** Modules by name, in the order that they come up. Throws UserError when shapes do not fit. */
export function mergeNetworks(inputs: readonly MergeInput[], options: MergeOptions): MergedModule[] {
  const merged = new Map<string, MergedModule>();
  for (const input of inputs) {
    for (const module of input.modules) {
      const before = merged.get(module.name);
      merged.set(
        module.name,
        before ? join(before, input, module, options) : begin(input, module, options),
      );
    }
  }
  const { shuffle } = options;
  return [...merged.values()].map((module) => shuffle ? reordered(module, shuffle(module.rank)) : module);
}

/** What each factor is multiplied by so that `first`'s alpha and rank do for this module too. */
function scales(
  { ratio, weightOf = () => 1 }: MergeInput,
  { alpha, rank, name }: FileModule,
  first: MergedModule["first"],
  { concat, compat }: MergeOptions,
): { down: number; up: number } {
  const weight = weightOf(name);
  if (!concat || compat) {
    const scale = Math.sqrt(alpha / first.alpha) * ratio;
    return { down: scale * weight, up: Math.abs(scale) * weight };
  }
  const share = ratio * weight;
  const root = Math.sqrt(Math.abs(share) * (alpha / rank) / (first.alpha / first.rank));
  return { down: Math.sign(share) * root, up: root };
}

function begin(input: MergeInput, module: FileModule, options: MergeOptions): MergedModule {
  const { name, rank, alpha, downShape, upShape } = module;
  const first = { rank, alpha, ownAlpha: module.keys.alpha !== undefined };
  const scale = scales(input, module, first, options), down = times(module.down(), scale.down, options);
  return { name, rank, alpha, first, downShape, upShape, down, up: times(module.up(), scale.up, options) };
}

function join(
  before: MergedModule,
  input: MergeInput,
  module: FileModule,
  options: MergeOptions,
): MergedModule {
  const { concat, compat, round } = options;
  const sizes = (m: { downShape: readonly number[]; upShape: readonly number[] }) =>
    [m.upShape[0], ...m.downShape.slice(1)].join();
  if (sizes(before) !== sizes(module)) {
    throw new UserError(
      `${input.path}: ${module.name} is for a layer [${sizes(module)}], the files before it have [${
        sizes(before)
      }]; merge LoRAs of one kind of model`,
    );
  }
  const scale = scales(input, module, before.first, options);
  const down = times(module.down(), scale.down, options), up = times(module.up(), scale.up, options);
  if (!concat) {
    if (module.rank !== before.rank) {
      throw new UserError(
        `${input.path}: ${module.name} has rank ${module.rank}, the files before it have ${before.rank}; use --concat`,
      );
    }
    return { ...before, down: round(sum(before.down, down)), up: round(sum(before.up, up)) };
  }
  const rank = before.rank + module.rank, { first } = before;
  return {
    ...before,
    rank,
    alpha: compat ? first.alpha : first.alpha / first.rank * rank,
    downShape: [rank, ...before.downShape.slice(1)],
    upShape: [before.upShape[0], rank, ...before.upShape.slice(2)],
    down: joined(Float32Array, [before.down, down]),
    up: sideBySide(before.up, up, before.upShape[0]),
  };
}

function times(values: Float32Array, factor: number, { round }: MergeOptions): Float32Array {
  return round(values.map((v) => v * factor));
}

function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((v, i) => v + b[i]);
}

/** (rows, p) and (rows, q) -> (rows, p + q). */
function sideBySide(a: Float32Array, b: Float32Array, rows: number): Float32Array {
  const p = a.length / rows, q = b.length / rows;
  return joined(
    Float32Array,
    Array.from({ length: 2 * rows }, (_, i) => {
      const row = i >> 1;
      return i % 2 === 0 ? a.subarray(row * p, (row + 1) * p) : b.subarray(row * q, (row + 1) * q);
    }),
  );
}

/** The same product with its ranks in another order. */
function reordered(module: MergedModule, order: readonly number[]): MergedModule {
  const { rank, down, up } = module, width = down.length / rank;
  return {
    ...module,
    down: joined(Float32Array, order.map((r) => down.subarray(r * width, (r + 1) * width))),
    up: up.map((_, i) => up[i - i % rank + order[i % rank]]),
  };
}
