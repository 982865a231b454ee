import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { resizeModule, type ResizeOptions } from "../../../src/networks/mod.ts";
import { productSvd } from "../../../src/networks/files/svd.ts";
import { relL2 } from "../../golden/compare.ts";
import { uniform } from "../../golden/synth.ts";
import { loraPair, product, productOf } from "../lora_files.ts";

const OPTIONS: ResizeOptions = {
  ...{ newRank: 64, newConvRank: 64, dynamicMethod: null, dynamicParam: 0, compat: false },
};

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, v, i) => sum + v * b[i], 0);
}

Deno.test("productSvd() gives falling values, orthonormal sides, and the product back", () => {
  for (const [out, width, rank] of [[40, 30, 6], [5, 30, 8], [30, 4, 7], [1, 1, 1]]) {
    const up = uniform("up", out * rank), down = uniform("down", rank * width);
    const { values, left, right } = productSvd(up, down, rank);
    strictEqual(values.length, Math.min(out, width, rank));
    ok(values.every((v, k) => k === 0 || v <= values[k - 1]));
    for (const side of [left, right]) {
      side.forEach((a, i) => side.forEach((b, j) => ok(Math.abs(dot(a, b) - (i === j ? 1 : 0)) < 1e-12)));
    }
    const back = Float64Array.from({ length: out * width }, (_, at) => {
      const o = Math.floor(at / width), i = at % width;
      return values.reduce((sum, v, k) => sum + v * left[k][o] * right[k][i], 0);
    });
    ok(relL2(back, product({ rank, alpha: rank, up, down })) < 1e-13);
  }
});

Deno.test("productSvd() of ranks that depend on each other has zeros at the end, and of nothing only zeros", () => {
  const column = uniform("column", 20), row = uniform("row", 12);
  const up = Float32Array.from({ length: 40 }, (_, i) => column[i >> 1] * (i % 2 === 0 ? 1 : 2));
  const down = Float32Array.from({ length: 24 }, (_, i) => row[i % 12]);
  const { values } = productSvd(up, down, 2);
  ok(values[0] > 1 && values[1] < 1e-12 * values[0]);
  deepStrictEqual([...productSvd(new Float32Array(40), down, 2).values], [0, 0]);
});

Deno.test("a resized module is the best one of its rank, at the same scale", () => {
  const module = loraPair("a", 8, 4, [24], 40), whole = productOf(module);
  const { values } = productSvd(module.up(), module.down(), 8);
  for (const newRank of [1, 3, 8, 20]) {
    const resized = resizeModule(module, { ...OPTIONS, newRank });
    strictEqual(resized.rank, Math.min(newRank, 8));
    strictEqual(resized.alpha / resized.rank, 0.5);
    const lost = values.slice(resized.rank).reduce((sum, v) => sum + v * v, 0);
    const all = values.reduce((sum, v) => sum + v * v, 0);
    ok(Math.abs(relL2(product(resized), whole) - Math.sqrt(lost / all)) < 1e-6);
    ok(Math.abs(resized.froRetained - Math.sqrt(1 - lost / all)) < 1e-12);
  }
});

Deno.test("1x1 convolutions have the rank of linear layers, except under --compat", () => {
  const rankOf = (inputs: number[], compat: boolean) =>
    resizeModule(loraPair("a", 8, 4, inputs, 16), { ...OPTIONS, newRank: 5, newConvRank: 2, compat }).rank;
  deepStrictEqual([[16], [16, 1, 1], [16, 3, 3]].map((inputs) => rankOf(inputs, false)), [5, 5, 2]);
  deepStrictEqual([[16], [16, 1, 1], [16, 3, 3]].map((inputs) => rankOf(inputs, true)), [5, 2, 2]);
});

Deno.test("under --compat a rank is raised to what is asked for, as far as the layer's sides go, and adds nothing", () => {
  const module = loraPair("a", 3, 6, [24], 40);
  for (const [newRank, rank] of [[2, 2], [5, 5], [30, 24]]) {
    const raised = resizeModule(module, { ...OPTIONS, newRank, compat: true });
    deepStrictEqual([raised.rank, raised.alpha], [rank, 2 * rank]);
    if (rank >= 3) ok(relL2(product(raised), productOf(module)) < 1e-6);
  }
  const dynamic = { ...OPTIONS, dynamicMethod: "sv_fro", dynamicParam: 0.9999, compat: true } as const;
  strictEqual(resizeModule(module, dynamic).rank, 4);
});

Deno.test("a dynamic rank is the lowest that reaches the threshold", () => {
  // singular values 8, 4, 2, 1
  const diagonal = (values: number[]) =>
    Float32Array.from({ length: 16 }, (_, i) => i % 5 ? 0 : values[i / 5]);
  const module = {
    ...loraPair("a", 4, 4, [4], 4),
    up: () => diagonal([8, 4, 2, 1]),
    down: () => diagonal([1, 1, 1, 1]),
  };
  const rank = (dynamicMethod: ResizeOptions["dynamicMethod"], dynamicParam: number, more = {}) =>
    resizeModule(module, { ...OPTIONS, dynamicMethod, dynamicParam, ...more }).rank;
  deepStrictEqual([0.5, 0.8, 0.81, 0.99].map((share) => rank("sv_cumulative", share)), [1, 2, 3, 4]);
  deepStrictEqual([0.86, 0.87, 0.97, 0.98].map((share) => rank("sv_fro", share)), [1, 2, 2, 3]);
  deepStrictEqual([1.5, 2.5, 5, 9].map((ratio) => rank("sv_ratio", ratio)), [1, 2, 3, 4]);
  strictEqual(rank("sv_cumulative", 0.99, { newRank: 2 }), 2);
  strictEqual(rank("sv_cumulative", 0.5, { compat: true }), 2);
  const nothing = { ...module, up: () => new Float32Array(16) };
  strictEqual(resizeModule(nothing, OPTIONS).rank, 1);
});
