/**
 * Made-up weights: one block of random numbers again and again, scaled by powers of two. Zeros would run faster than random
 * numbers do on a GPU, and a number of its own for each weight takes longer than what is measured.
 */

import { byteSize, type DType } from "../../../src/base/dtype.ts";
import type { Shapes } from "../../../src/models/mod.ts";
import type { ParameterStore } from "../../../src/runtime/mod.ts";
import { encodeValues } from "../../../src/runtime/store.ts";
import { uniform } from "../../golden/synth.ts";
import { tiny } from "../options.ts";

const COUNT = tiny ? 1 << 16 : 1 << 20;
const random = uniform("bench", COUNT);
const blocks = new Map<string, Uint8Array>();

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** What keeps a layer's result as large as its input. */
export const scaleOf = (shape: readonly number[]) => Math.sqrt(3 / count(shape.slice(1)));

function block(scale: number | "ones", dtype: DType): Uint8Array {
  const power = scale === "ones" ? scale : 2 ** Math.round(Math.log2(scale)), key = `${dtype} ${power}`;
  const known = blocks.get(key) ??
    encodeValues(power === "ones" ? new Float32Array(COUNT).fill(1) : random.map((x) => x * power), dtype);
  blocks.set(key, known);
  return known;
}

/** Makes a parameter of random numbers up to about `scale`. */
export function fill(
  store: ParameterStore,
  name: string,
  shape: readonly number[],
  scale: number | "ones",
  dtype: DType,
  frozen = true,
): void {
  store.allocate(name, shape, dtype, { frozen });
  overwrite(store, name, scale);
}

/** Random numbers in a parameter that is there. */
export function overwrite(store: ParameterStore, name: string, scale: number | "ones"): void {
  const { buffer, offset, shape, dtype } = store.get(name), bytes = block(scale, dtype);
  const length = count(shape) * byteSize(dtype);
  for (let at = 0; at < length; at += bytes.length) {
    store.device.upload(buffer, offset + at, bytes.subarray(0, Math.min(bytes.length, length - at)));
  }
}

/** A model's weights: matrices, gains of ones, biases of zeros. */
export function upload(store: ParameterStore, shapes: Shapes, dtype: DType): void {
  for (const [key, shape] of shapes) {
    if (store.has(key) && store.get(key).frozen) continue;
    if (store.has(key)) overwrite(store, key, shape.length > 1 ? scaleOf(shape) : "ones"); // trained
    else if (shape.length > 1) fill(store, key, shape, scaleOf(shape), dtype);
    else if (key.endsWith("weight")) fill(store, key, shape, "ones", dtype);
    else store.allocate(key, shape, dtype, { frozen: true });
  }
}

/** A trained parameter's first values: numbers where `scale` is above 0. */
export function setTrained(
  store: ParameterStore,
  name: string,
  shape: readonly number[],
  scale: number,
): void {
  const values = new Float32Array(count(shape));
  for (let i = 0; scale && i < values.length; i++) values[i] = scale * random[i % COUNT];
  store.set(name, values);
}
