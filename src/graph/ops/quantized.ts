/**
 * Numbers of 8 bits: in runs of BLOCK, as bitsandbytes keeps optimizer states ("8-bit Optimizers via Block-wise
 * Quantization", arXiv 2110.02861): each is the place of the nearest of 256 numbers in [-1, 1], times the largest
 * magnitude of its run. Chains compute both (compile option `chains`).
 */

import { elements, expect, type Op, record, type Tensor } from "../graph.ts";

/** Elements that share one scale, and numbers that a code may stand for. */
export const BLOCK = 256, CODES = 256;

/** Scales of so many elements. */
export const blocksOf = (count: number): number => Math.ceil(count / BLOCK);

/** dequantize(codes u8, absmax f32 (blocks), map f32 (256)) -> f32 of the codes' shape. */
export const dequantizeOp: Op = {
  name: "dequantize",
  attrs: [],
  infer(inputs) {
    check("dequantize", inputs);
    return [{ shape: inputs[0].shape, dtype: "f32" }];
  },
};

/** quantize(codes, absmax, map, value, going): codes and absmax are written where `going`, one number, is not 0. */
export const quantizeOp: Op = {
  name: "quantize",
  attrs: [],
  effect: true,
  infer(inputs) {
    const [codes, , , value, going] = inputs;
    check("quantize", inputs);
    expect(
      value.dtype === "f32" && value.shape.join() === codes.shape.join(),
      "quantize",
      inputs,
      "shapes differ",
    );
    expect(elements(going.shape) === 1, "quantize", inputs, "the condition is one number");
    return [];
  },
};

function check(name: string, inputs: readonly Tensor[]): void {
  const [codes, absmax, map] = inputs, count = elements(codes.shape);
  expect(codes.dtype === "u8", name, inputs, "codes are u8");
  expect(
    absmax.dtype === "f32" && elements(absmax.shape) === blocksOf(count),
    name,
    inputs,
    "one f32 a block",
  );
  expect(map.dtype === "f32" && elements(map.shape) === CODES, name, inputs, "the map has 256 numbers, f32");
}

/** An array of 8 bits: places in `map` and the largest magnitude of each block. */
export interface Quantized {
  readonly codes: Tensor;
  readonly absmax: Tensor;
  readonly map: Tensor;
}

export function dequantize({ codes, absmax, map }: Quantized): Tensor {
  return record(dequantizeOp, [codes, absmax, map]);
}

/** Overwrites the array where `going` is not 0. */
export function quantize({ codes, absmax, map }: Quantized, value: Tensor, going: Tensor): void {
  codes.graph.add(quantizeOp, [codes, absmax, map, value, going]);
}

/**
 * The 256 numbers, rising: seven decades, each with twice as many numbers as the one below, 0 and 1; signed ones have
 * half as many of each sign (bitsandbytes' create_dynamic_map).
 */
export function dynamicMap(signed: boolean): Float32Array {
  const numbers = [0, 1];
  for (let decade = 0; decade < 7; decade++) {
    const count = 2 ** (decade + (signed ? 0 : 1)), edges = linspace(0.1, 1, count + 1);
    for (let k = 0; k < count; k++) {
      const mean = Math.fround(Math.fround(edges[k] + edges[k + 1]) / 2);
      const number = Math.fround(Math.fround(10 ** (decade - 6)) * mean);
      numbers.push(number);
      if (signed) numbers.push(-number);
    }
  }
  return Float32Array.from(numbers).sort();
}

/** torch.linspace in float32: from both ends towards the middle, each number rounded once. */
function linspace(from: number, to: number, count: number): Float32Array {
  const start = Math.fround(from),
    end = Math.fround(to),
    step = Math.fround(Math.fround(end - start) / (count - 1));
  return Float32Array.from(
    { length: count },
    (_, k) => k < Math.floor(count / 2) ? start + step * k : end - step * (count - 1 - k),
  );
}
