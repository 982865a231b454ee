/** Python's random and NumPy's RandomState: every entry restarts from the seed, its name says what was called. */

import { NumpyRandom, PythonRandom } from "../../../src/random/mod.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact, within } from "../compare.ts";
import { hexFloat, number, unknown } from "./notation.ts";

type Entry = [pattern: RegExp, run: (random: PythonRandom, groups: string[], want: unknown[]) => unknown];

const range = (n: string | number) => Array.from({ length: +n }, (_, i) => i);
const times = <T>(n: string | number, draw: () => T): T[] => range(n).map(() => draw());

/** What each name means; the first that fits counts. */
const ENTRIES: Entry[] = [
  [/^random_(\d+)(?:_hex)?$/, (r, [n]) => times(n, () => r.random())],
  [/^shuffle_(\d+)_tags$/, (r, _, want) => {
    const tags = want.map((_, i) => `tag${i}`);
    r.shuffle(tags);
    return tags;
  }],
  [/^shuffle_range(\d+)$/, (r, [n]) => shuffled(r, n)],
  [/^shuffle_range(\d+)_then_range(\d+)$/, (r, [n, m]) => [shuffled(r, n), shuffled(r, m)]],
  [/^randint_([^_]+)_([^_]+)_x(\d+)$/, (r, [a, b, n]) => times(n, () => r.randint(number(a), number(b)))],
  [/^choice_\d+_of_(\w+)$/, (r, [list], want) => times(want.length, () => r.choice(list))],
  [/^choices_weights_([\d_]+)_k(\d+)$/, (r, [weights, k]) => {
    const w = weights.split("_").map(Number);
    return r.choices(range(w.length), +k, w);
  }],
  [/^sample_range(\d+)_k(\d+)$/, (r, [n, k]) => r.sample(range(n), +k)],
  [/^uniform_([^_]+)_([^_]+)_x(\d+)(?:_hex)?$/, (r, [a, b, n]) => times(n, () => r.uniform(+a, +b))],
  [/^randrange_(\d+)_(\d+)_(\d+)_x(\d+)$/, (r, [a, b, c, n]) => times(n, () => r.randrange(+a, +b, +c))],
];

export function checkPython(c: GoldenCase): Check[] {
  const fresh = () => new PythonRandom(BigInt(c.json.seed));
  return Object.entries(c.json.expected as Record<string, unknown>).map(([key, expected]) => {
    if (key === "getrandbits") {
      const r = fresh(); // one after another
      const got = Object.keys(expected as object).map((bits) => [bits, `${r.getrandbits(+bits)}`]);
      return exact(key, Object.fromEntries(got), expected);
    }
    const want = (expected as unknown[]).map((x) =>
      typeof x === "string" && key.endsWith("_hex") ? hexFloat(x) : x
    );
    if (key === "mixed") return exact(key, mixed(fresh(), want as [string, unknown][]), want);
    const gauss = /^gauss_([^_]+)_([^_]+)_x(\d+)$/.exec(key);
    if (gauss) { // through the C library's log, sin and cos: the last bit is not ours to promise
      const r = fresh(), [, mu, sigma, n] = gauss;
      return within(key, times(n, () => r.gauss(+mu, +sigma)), want as number[], 1e-15);
    }
    for (const [pattern, run] of ENTRIES) {
      const found = pattern.exec(key);
      if (found) return exact(key, run(fresh(), found.slice(1), want), want);
    }
    return unknown(key);
  });
}

function shuffled(r: PythonRandom, n: string): number[] {
  const list = range(n);
  r.shuffle(list);
  return list;
}

/** Calls written as in Python, made one after another. */
function mixed(r: PythonRandom, want: [string, unknown][]): unknown[] {
  return want.map(([call]) => {
    const [, name, args = ""] = /^(\w+)(?:\((.*)\))?$/.exec(call) ?? unknown(call);
    const [a, b] = args.split(",").map(Number);
    if (name === "random") return [call, r.random()];
    if (name === "randint") return [call, r.randint(a, b)];
    if (name === "uniform") return [call, r.uniform(a, b)];
    if (name === "choice") return [call, r.choice(args)];
    return unknown(call);
  });
}

/** One RandomState, called in the order of the entries. */
export function checkNumpy(c: GoldenCase): Check[] {
  const given = c.json.numpy_RandomState as Record<string, unknown> | undefined;
  if (!given) return [];
  const r = new NumpyRandom(Number(given.seed));
  const checks: Check[] = [];
  for (const [key, expected] of Object.entries(given)) {
    if (!Array.isArray(expected)) continue; // seed and explanations
    const want = expected.map((x) => typeof x === "string" ? hexFloat(x) : x);
    const what = `numpy ${key}`;
    const found = /^(random_sample|normal|permutation|randint)_([\d_]+?)(?:_hex)?(?:_after)?$/.exec(key);
    const [, name, args] = found ?? unknown(key);
    const [a, b, n] = args.split("_").map(Number);
    if (name === "random_sample") checks.push(exact(what, r.randomSample(a), want));
    if (name === "normal") checks.push(within(what, r.normal(0, 1, a), want, 1e-15));
    if (name === "permutation") checks.push(exact(what, r.permutation(a), want));
    if (name === "randint") checks.push(exact(what, r.randint(a, b, n), want));
  }
  return checks;
}
