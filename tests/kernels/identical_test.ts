import { doesNotThrow, throws } from "node:assert/strict";
import { identical } from "./identical.ts";

Deno.test("identical() sees lengths, signs of zeros and names, and takes NaN for NaN", () => {
  const floats = (...values: number[]) => Float32Array.from(values);
  doesNotThrow(() => identical({ y: floats(1, NaN, -0) }, { y: floats(1, NaN, -0) }));
  const differ = (a: unknown, b: unknown, message: string) =>
    throws(() => identical(a, b, "they"), { message });
  differ({ y: floats(1, 0) }, { y: floats(1, -0) }, "they differ.y[1]: 0 for -0");
  differ([floats(1, 2)], [floats(1)], "they differ[0]: 2 values for 1");
  differ({ y: floats(1) }, { y: floats(1), dx: floats(2) }, "they differ.dx: undefined for 2");
  differ(floats(1, NaN), floats(1, 2), "they differ[1]: NaN for 2");
});
