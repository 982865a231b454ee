/** Tables between the names of two file layouts: original Stable Diffusion keys and diffusers' or transformers'. */

import type { Shapes } from "../weights.ts";

/** One tensor under both names. */
export interface KeyRow {
  original: string;
  /** diffusers' name (U-Net, autoencoder) or transformers' (text encoders). */
  other: string;
  originalShape: readonly number[];
  otherShape: readonly number[];
  /** Where `other` is only one third of the rows of `original`: 0 queries, 1 keys, 2 values. */
  third?: 0 | 1 | 2;
}

/** Pairs of places: [original, other]. The longest place that a key begins with decides its new name. */
export type Places = readonly (readonly [string, string])[];

/** The key with its longest known place replaced; as it is when no place is known. */
export function rename(key: string, places: ReadonlyMap<string, string>): string {
  for (let end = key.length; end > 0; end = key.lastIndexOf(".", end - 1)) {
    const place = places.get(key.slice(0, end));
    if (place !== undefined) return place + key.slice(end);
  }
  return key;
}

/** The same table read from right to left. */
export function reversed(places: Places): Map<string, string> {
  return new Map(places.map(([original, other]) => [other, original]));
}

/** The part of a checkpoint below a prefix ("first_stage_model."), keys without it. */
export function below(shapes: Shapes, prefix: string): Map<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  for (const [key, shape] of shapes) if (key.startsWith(prefix)) found.set(key.slice(prefix.length), shape);
  return found;
}

/** The opposite: every key with the prefix before it. */
export function under<T>(prefix: string, entries: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...entries].map(([key, value]) => [prefix + key, value]));
}
