import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { mergeNetworks, type MergeOptions } from "../../../src/networks/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { loraPair, product, productOf } from "../lora_files.ts";

const OPTIONS: MergeOptions = { concat: true, compat: false, shuffle: null, round: (values) => values };

const input = (ratio: number, ...modules: ReturnType<typeof loraPair>[]) => ({ path: "x", modules, ratio });

function weightedSum(parts: [number, Float64Array][]): Float64Array {
  return parts[0][1].map((_, i) => parts.reduce((sum, [ratio, values]) => sum + ratio * values[i], 0));
}

for (const inputs of [[24], [6, 1, 1], [6, 3, 3]]) {
  Deno.test(`--concat is the exact weighted sum, for inputs [${inputs}]`, () => {
    const a = loraPair("m", 4, 2, inputs, 10), b = loraPair("m", 6, 9, inputs, 10);
    for (const [first, second] of [[1, 1], [0.7, -0.3], [-1, 2], [0, 1]]) {
      const [merged] = mergeNetworks([input(first, a), input(second, b)], OPTIONS);
      strictEqual(merged.rank, 10);
      deepStrictEqual(merged.downShape, [10, ...inputs]);
      deepStrictEqual(merged.upShape, inputs.length === 3 ? [10, 10, 1, 1] : [10, 10]);
      const wanted = weightedSum([[first, productOf(a)], [second, productOf(b)]]);
      ok(relL2(product(merged), wanted) < 1e-6);
    }
  });
}

Deno.test("without --concat a network merged with itself at 0.5 each is itself", () => {
  const a = loraPair("m", 4, 2, [24], 10);
  const [merged] = mergeNetworks([input(0.5, a), input(0.5, a)], { ...OPTIONS, concat: false });
  deepStrictEqual([merged.down, merged.up], [a.down(), a.up()]);
});

Deno.test("modules that only one file has are kept; ranks in another order change nothing", () => {
  const a = loraPair("m", 4, 2, [24], 10), b = loraPair("n", 3, 3, [8], 5);
  const merged = mergeNetworks([input(1, a), input(0.5, b)], {
    ...OPTIONS,
    shuffle: (n) => Array.from({ length: n }, (_, i) => n - 1 - i),
  });
  deepStrictEqual(merged.map(({ name }) => name), ["m", "n"]);
  ok(relL2(product(merged[0]), productOf(a)) < 1e-6);
  ok(relL2(product(merged[1]), productOf(b).map((v) => v / 2)) < 1e-6);
  deepStrictEqual(merged[0].down.subarray(0, 24), a.down().subarray(3 * 24));
});

Deno.test("what cannot be merged is refused with the remedy", () => {
  const a = loraPair("m", 4, 2, [24], 10),
    b = loraPair("m", 6, 2, [24], 10),
    c = loraPair("m", 4, 2, [25], 10);
  const merge = (other: typeof a, concat: boolean) => () =>
    mergeNetworks([input(1, a), input(1, other)], { ...OPTIONS, concat });
  throws(merge(b, false), /^UserError: x: m has rank 6, the files before it have 4; use --concat$/);
  throws(
    merge(c, true),
    /^UserError: x: m is for a layer \[10,25\], the files before it have \[10,24\]; merge LoRAs/,
  );
});
