/** Caches of encoded captions on the disk: .npz files with the names and arrays of sd-scripts 0.9.1. */

import { UserError } from "../../base/errors.ts";
import { f32Array, listNpz, type NpzArray, readNpz, writeNpz } from "../../formats/npz.ts";
import { toF32 } from "../../formats/tensor_file.ts";

/** A caption as two text encoders give it, float32. */
export interface CachedText {
  /** (tokens, width) of each encoder. */
  readonly hidden: readonly [Float32Array, Float32Array];
  /** (width) of the second. */
  readonly pooled: Float32Array;
  readonly tokens: number;
}

/** What a model wants of a cache. */
export interface TextWidths {
  readonly tokens: number;
  readonly hidden: readonly [number, number];
  readonly pooled: number;
}

const NAMES = ["hidden_state1", "hidden_state2", "pool2"] as const;
const FLOATS = ["F16", "F32", "F64"];

/** `cat.png` is cached in `cat_te_outputs.npz` beside it. */
export function textFileOf(imagePath: string): string {
  return imagePath.replace(/\.[^./\\]*$/, "") + "_te_outputs.npz";
}

/** Writes the whole file or none. */
export function writeTextFile(path: string, { hidden, pooled, tokens }: CachedText): void {
  writeNpz(path, {
    hidden_state1: f32Array(hidden[0], [tokens, hidden[0].length / tokens]),
    hidden_state2: f32Array(hidden[1], [tokens, hidden[1].length / tokens]),
    pool2: f32Array(pooled, [pooled.length]),
  });
}

/** Throws UserError naming the file and what is odd in it. */
export function readTextFile(path: string, { tokens, hidden, pooled }: TextWidths): CachedText {
  const most = tokens * Math.max(...hidden) * 8 + 65536, arrays = readNpz(path, NAMES, most);
  const get = (name: string, shape: readonly number[]) => floats(path, name, arrays.get(name), shape);
  return {
    hidden: [get("hidden_state1", [tokens, hidden[0]]), get("hidden_state2", [tokens, hidden[1]])],
    pooled: get("pool2", [pooled]),
    tokens,
  };
}

/** Throws UserError for somebody else's arrays under the name of a cache. */
export function refuseForeignText(path: string): void {
  let names: string[];
  try {
    names = listNpz(path);
  } catch (error) {
    if (error instanceof UserError) return; // a cache that was cut off
    throw error;
  }
  if (names.length === 0 || names.some((name) => (NAMES as readonly string[]).includes(name))) return;
  throw new UserError(`${path}: holds ${names.slice(0, 3).join(", ")} and no encoded caption; move it`);
}

function floats(
  path: string,
  name: string,
  array: NpzArray | undefined,
  shape: readonly number[],
): Float32Array {
  const odd = (what: string): never => {
    throw new UserError(`${path}: ${what}; delete it so that it is made again`);
  };
  if (!array) return odd(`has no ${name}`);
  if (array.shape.join() !== shape.join()) {
    return odd(`has ${name} of [${array.shape.join(", ")}], [${shape.join(", ")}] are wanted`);
  }
  if (!FLOATS.includes(array.dtype)) return odd(`has ${name} as ${array.dtype}`);
  const values = toF32(array.dtype, array.data);
  return values.every(Number.isFinite) ? values : odd(`has ${name} that are no numbers`);
}
