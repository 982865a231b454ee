/** Synthetic checkpoints of the cases, whole and changed in the ways that files in the wild are. */

import { f32ToBf16, f32ToF16 } from "../../../../src/base/dtype.ts";
import { openSafetensors, writeSafetensors } from "../../../../src/formats/safetensors.ts";
import type { Shapes } from "../../../../src/models/mod.ts";
import { torchBytes, type TorchForm } from "../../../formats/pickle/torch_writer.ts";
import { synthTensor } from "../../synth.ts";

export interface Synthetic {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: () => Uint8Array;
}

export type Tensors = Map<string, Synthetic>;

const bytesOf = (a: ArrayBufferView) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);

/** float32 by the rule; `name` is what the rule sees. */
export function synthetic(shape: readonly number[], name: string): Synthetic {
  return { dtype: "F32", shape, data: () => bytesOf(synthTensor(name, shape)) };
}

export function fromShapes(shapes: Shapes): Tensors {
  return new Map([...shapes].map(([key, shape]) => [key, synthetic(shape, key)]));
}

export const ones = (count: number): Synthetic => ({
  dtype: "F32",
  shape: [count],
  data: () => bytesOf(new Float32Array(count).fill(1)),
});

/** 0..76, [1, 77]. */
export const positions = (dtype: "I64" | "F16"): Synthetic => ({
  dtype,
  shape: [1, 77],
  data: () =>
    dtype === "I64"
      ? bytesOf(BigInt64Array.from({ length: 77 }, (_, i) => BigInt(i)))
      : bytesOf(f32ToF16(Float32Array.from({ length: 77 }, (_, i) => i))),
});

/** What Lightning leaves in published SD1 checkpoints. */
export function extraKeys(): [string, Synthetic][] {
  return [
    ["model_ema.decay", { dtype: "F32", shape: [], data: () => bytesOf(Float32Array.of(0.9999)) }],
    ["model_ema.num_updates", { dtype: "I64", shape: [], data: () => bytesOf(BigInt64Array.of(12n)) }],
    ["betas", synthetic([1000], "betas")],
    ["alphas_cumprod", synthetic([1000], "alphas_cumprod")],
  ];
}

export function converted(tensors: Tensors, dtype: "F16" | "BF16"): Tensors {
  const convert = dtype === "F16" ? f32ToF16 : f32ToBf16;
  return new Map(
    [...tensors].map(([key, { shape, data }]) => [
      key,
      { dtype, shape, data: () => bytesOf(convert(new Float32Array(data().slice().buffer))) },
    ]),
  );
}

/** With other names; null leaves a tensor out. */
export function renamed(tensors: Tensors, name: (key: string) => string | null): Tensors {
  const found: Tensors = new Map();
  for (const [key, tensor] of tensors) {
    const other = name(key);
    if (other !== null) found.set(other, tensor);
  }
  return found;
}

export function reshaped(
  tensors: Tensors,
  shape: (key: string, shape: readonly number[]) => readonly number[],
): Tensors {
  return new Map([...tensors].map(([key, tensor]) => [key, { ...tensor, shape: shape(key, tensor.shape) }]));
}

/** A safetensors file. */
export function writeTensors(path: string, tensors: Tensors): string {
  writeSafetensors(path, [...tensors].map(([name, tensor]) => ({ name, ...tensor })));
  return path;
}

/** The same as torch.save() would write it. */
export function writePickled(path: string, tensors: Tensors, form: TorchForm): string {
  const plain = writeTensors(`${path}.safetensors`, tensors);
  using file = openSafetensors(plain);
  Deno.writeFileSync(path, torchBytes(file, form));
  Deno.removeSync(plain);
  return path;
}

/** Calls `body` with a folder that is removed afterwards. */
export async function inFolder<T>(body: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = Deno.makeTempDirSync();
  try {
    return await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
