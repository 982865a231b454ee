/** Random numbers: PyTorch's CPU generator, Python's random, NumPy's RandomState, Philox. */

import type { Check, GoldenCase, Runner } from "../case.ts";
import { exact } from "../compare.ts";
import { philox4x32 } from "../../../src/random/mod.ts";
import { checkPhilox } from "../rng/philox.ts";
import { checkNumpy, checkPython } from "../rng/python.ts";
import { checkTorch } from "../rng/torch.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "rng") return null;
  const reference = String(c.json.reference);
  if (reference.includes("known answers for philox4x32-10")) return () => Promise.resolve(knownAnswers(c));
  if (reference.startsWith("Philox")) return () => Promise.resolve(checkPhilox(c));
  if (reference.startsWith("torch.manual_seed")) return () => Promise.resolve(checkTorch(c));
  if (reference.startsWith("random.Random")) {
    return () => Promise.resolve([...checkPython(c), ...checkNumpy(c)]);
  }
  return `no such generator: ${reference}`;
}

/** "ctr A,B,C,D key E,F" or "ctr all X key all Y": hexadecimal words. */
function knownAnswers(c: GoldenCase): Check[] {
  return Object.entries(c.json.expected as Record<string, string[]>).map(([what, words]) => {
    const [, counter, key] = /^ctr (.+) key (.+)$/.exec(what)!;
    const parse = (text: string, n: number) =>
      text.startsWith("all ")
        ? Array(n).fill(parseInt(text.slice(4), 16))
        : text.split(",").map((word) => parseInt(word, 16));
    const [c0, c1, c2, c3] = parse(counter, 4), [k0, k1] = parse(key, 2);
    return exact(what, philox4x32([c0, c1, c2, c3], [k0, k1]), words.map(Number));
  });
}
