/** Values of an ONNX graph while it is recorded: numbers that are known already, or tensors of the graph to run. */

import { UserError } from "../../base/errors.ts";
import type { OnnxDtype, OnnxTensor } from "../../formats/onnx/onnx_file.ts";
import type { Graph, Tensor } from "../../graph/mod.ts";

export interface Value {
  readonly shape: readonly number[];
  readonly dtype: OnnxDtype;
  /** Row-major; float32 values are rounded to float32. */
  readonly known?: Float32Array | Float64Array;
  /** float32, row-major, under any shape with as many elements: graphs have at most five axes, ONNX has more. */
  readonly tensor?: Tensor;
}

export type Known = Value & { readonly known: Float32Array | Float64Array };

/** Where values are recorded. */
export interface Recording {
  readonly graph: Graph;
  /** The value's tensor; known numbers become constants or parameters. */
  tensorOf(value: Value): Tensor;
}

/** What an operator cannot do here; the reader of the graph adds which node it was. */
export class Unsupported extends UserError {
  override name = "Unsupported";
}

export function size(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

export function known(
  data: Float32Array | Float64Array | readonly number[],
  shape: readonly number[],
  dtype: OnnxDtype = "f32",
): Known {
  const values = dtype === "f32" ? Float32Array.from(data) : Float64Array.from(data);
  return { shape, dtype, known: values };
}

export const fromFile = ({ data, shape, dtype }: OnnxTensor): Known => ({ shape, dtype, known: data });

export function onDevice(tensor: Tensor, shape: readonly number[]): Value {
  return { shape, dtype: "f32", tensor };
}

export function isKnown(value: Value): value is Known {
  return value.known !== undefined;
}

/** Whole numbers that shape a graph: they must be known before it runs. */
export function knownNumbers(value: Value | undefined, what: string): number[] {
  if (value && isKnown(value)) return [...value.known];
  throw new Unsupported(`${what} depends on the picture, which is not supported yet`);
}

/** The common shape of several under NumPy's broadcasting. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((s) => s[i - rank + s.length] ?? 1), wide = sizes.find((d) => d !== 1) ?? 1;
    if (sizes.some((d) => d !== 1 && d !== wide)) {
      throw new Unsupported(`shapes ${shapes.map((s) => `[${s}]`).join(" and ")} do not fit`);
    }
    return wide;
  });
}

/** Row-major steps of a shape, 0 where an axis of size 1 is repeated to `to`. */
export function strides(shape: readonly number[], to: readonly number[] = shape): number[] {
  const lead = to.length - shape.length;
  let step = 1;
  const found = Array.from(to, () => 0);
  for (let i = shape.length - 1; i >= 0; i--) {
    found[lead + i] = shape[i] === 1 ? 0 : step;
    step *= shape[i];
  }
  return found;
}

/** -1 is the last axis. */
export const axisOf = (axis: number, rank: number) => axis < 0 ? axis + rank : axis;
