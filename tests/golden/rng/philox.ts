/** Philox cases: names say the call's offset and its number of values. */

import { philox4x32, philoxRandn } from "../../../src/random/mod.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact, within } from "../compare.ts";
import { unknown } from "./notation.ts";

export function checkPhilox(c: GoldenCase): Check[] {
  const seed = BigInt(c.json.seed);
  const limit = Number(/abs ([0-9.e-]+)/.exec(String(c.json.tolerance))?.[1] ?? 2e-6);
  const checks = Object.entries(c.json.expected as Record<string, number[][]>).map(([what, words]) => {
    const [, offset, elements] = /^offset(\d+)_n\d+_words_of_elements_([\d_]+)$/.exec(what) ?? unknown(what);
    const key = [Number(seed & 0xffffffffn), Number(seed >> 32n)] as const;
    return exact(what, elements.split("_").map((i) => philox4x32([+offset, 0, +i, 0], key)), words);
  });
  for (const what of c.tensors().keys()) {
    const [, offset, n] = /^randn_offset(\d+)_n(\d+)$/.exec(what) ?? unknown(what);
    checks.push(within(what, philoxRandn(seed, +n, +offset), c.tensors().f32(what), limit));
  }
  return checks;
}
