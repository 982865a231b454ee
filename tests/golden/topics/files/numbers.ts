/** Casts to 8-bit floats, and the sizes of the real models. */

import { f32ToE4m3, f32ToE5m2 } from "../../../../src/base/dtype8.ts";
import { bf16ToF32, f32ToBf16, f32ToF16 } from "../../../../src/base/dtype.ts";
import { toF32 } from "../../../../src/formats/tensor_file.ts";
import { clipLShapes, openClipShapes } from "../../../../src/models/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { exact, toNumber } from "../../compare.ts";

/** How Python writes infinities. */
const FOUND: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const infinite = (x: number | string) => FOUND[x] ?? toNumber(x);

// deno-lint-ignore require-await -- a runner is asynchronous
export async function fp8Casts(c: GoldenCase): Promise<Check[]> {
  const { codes, values_of_codes: values } = c.json;
  const file = c.tensors(), x = toF32("F32", file.bytes("x")); // it holds infinities and NaN on purpose
  const all = Uint8Array.from({ length: 256 }, (_, code) => code);
  return [
    exact("float8_e4m3fn", f32ToE4m3(x), codes.float8_e4m3fn),
    exact("float8_e5m2", f32ToE5m2(x), codes.float8_e5m2),
    // by value: PyTorch's own code has two ways to write NaN
    exact("bfloat16", bf16ToF32(f32ToBf16(x)), bf16ToF32(Uint16Array.from(codes.bfloat16))),
    exact("float16", f32ToF16(x), codes.float16),
    exact("values of e4m3fn", toF32("F8_E4M3", all), values.float8_e4m3fn.map(infinite)),
    exact("values of e5m2", toF32("F8_E5M2", all), values.float8_e5m2.map(infinite)),
  ];
}

/** Of the list, the models that are known here: CLIP-L and CLIP-G. */
// deno-lint-ignore require-await -- a runner is asynchronous
export async function modelSizes({ json: { parameters } }: GoldenCase): Promise<Check[]> {
  const text = { vocabulary: 49408, positions: 77 };
  const small = clipLShapes({
    ...text,
    layout: "clip_l",
    width: 768,
    layers: 12,
    inner: 3072,
    projection: 0,
  });
  const big = openClipShapes({
    ...text,
    layout: "open_clip",
    width: 1280,
    layers: 32,
    inner: 5120,
    projection: 1280,
  });
  const count = (shapes: Map<string, number[]>) =>
    [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return [
    exact("CLIP-L", count(small), parameters["clip_l (text model)"]),
    exact("CLIP-L with its projection", count(small) + 768 * 768, parameters["clip_l (with projection)"]),
    exact("CLIP-G", count(big), parameters.clip_g),
  ];
}
