/** PyTorch's CPU generator: every entry restarts from the seed, its name says what was called. */

import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../../src/base/dtype.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact, within } from "../compare.ts";
import { hexFloat, number, unknown } from "./notation.ts";

type Values = ArrayLike<number>;
type Call = [
  pattern: RegExp,
  run: (g: TorchGenerator, groups: string[]) => Values | string[],
  exact: boolean,
];

/** What each name means and whether it must agree exactly; the first that fits counts. */
const CALLS: Call[] = [
  [/^nothing$/, () => [], true],
  [/^rand_(\d+)$/, (g, [n]) => g.rand(+n), true],
  [/^rand_float64_(\d+)(?:_hex)?$/, (g, [n]) => g.rand64(+n), true],
  [/^randn_float64_(\d+)(?:_hex)?$/, (g, [n]) => g.randn64(+n), false],
  [/^randn_([\dx]+)$/, (g, [shape]) => g.randn(product(shape)), false],
  [/^randn_(\d+)_noncontiguous_(\d+)x(\d+)_T$/, (g, [n, rows, columns]) => {
    const memory = g.randn(+n, { contiguous: false }); // filled in the order of memory, read transposed
    return Array.from(memory, (_, i) => memory[(i % +columns) * +rows + Math.floor(i / +columns)]);
  }, false],
  [/^randn_like_float16_(\d+)$/, (g, [n]) => f16ToF32(f32ToF16(g.randn(+n))), false],
  [/^randn_like_bfloat16_(\d+)$/, (g, [n]) => bf16ToF32(f32ToBf16(g.randn(+n))), false],
  [/^normal_mean([^_]+)_std([^_]+)_(\d+)$/, (g, [mean, std, n]) => g.normal(+mean, +std, +n), false],
  [/^uniform_([^_]+)_([^_]+)_(\d+)$/, (g, [low, high, n]) => g.uniform(+low, +high, +n), true],
  [/^kaiming_uniform_a_sqrt(\d+)_(\d+x\d+)$/, (g, [a, shape]) => {
    const bound = Math.sqrt(3) * Math.sqrt(2 / (1 + +a)) / Math.sqrt(+shape.split("x")[1]);
    return g.uniform(-bound, bound, product(shape));
  }, true],
  [/^dropout_p([^_]+)_(\d+)$/, (g, [p, n]) => g.dropoutMask(+p, +n), true],
  [/^dropout_(\d+)$/, (g, [n]) => g.dropoutMask(0.5, +n), true],
  [/^bernoulli_scalar_p([^_]+)_(\d+)$/, (g, [p, n]) => g.bernoulli(+p, +n), true],
  [/^bernoulli_scalar_(\d+)$/, (g, [n]) => g.bernoulli(0.5, +n), true],
  [/^bernoulli_tensor_(?:p_)?(\d+)$/, (g, [n]) => g.bernoulliOf(linspace(+n)), true],
  [/^multinomial_(\d+)$/, (g, [n]) => g.multinomial(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), +n), true],
  [/^randint_min_(-?\d+)_max_(-?\d+)_(\d+)$/, (g, [a, b, n]) => g.randint(+a, +b, +n), true],
  [/^randint_(-?\w+?)_(\w+?)_(\d+)_old_threshold$/, (g, [a, b, n]) => {
    return g.randint(number(a), number(b), +n, { wideFrom: 2 ** 32 });
  }, true],
  [/^randint_(-?[^_]+)_([^_]+)_(\d+)$/, (g, [a, b, n]) => g.randint(number(a), number(b), +n), true],
  [/^randint_(\d+)$/, (g, [n]) => g.randint(0, 1000, +n), true],
  [/^randperm_(\d+)$/, (g, [n]) => g.randperm(+n), true],
  [/^random_int64_full_(\d+)$/, (g, [n]) => g.random64(+n).map(String), true],
];

export function checkTorch(c: GoldenCase): Check[] {
  const { seed, expected, tolerance } = c.json;
  const limit = Number(/abs ([0-9.e-]+)/.exec(String(tolerance?.randn))?.[1] ?? 1e-6);
  const fresh = () => new TorchGenerator(BigInt(seed));
  const compare = (what: string, key: string, g: TorchGenerator, want: Values | string[]): Check => {
    const [pattern, run, same] = CALLS.find(([pattern]) => pattern.test(key)) ?? unknown(key);
    const got = run(g, pattern.exec(key)!.slice(1));
    if (same) return exact(what, Array.from<unknown>(got), Array.from<unknown>(want));
    // a half or bfloat16 may round to the neighbour when its float32 lies at the border
    const step = key.includes("bfloat16") ? 2 ** -6 : key.includes("float16") ? 2 ** -9 : 0;
    return within(what, got as Values, want as Values, limit + step);
  };

  const checks: Check[] = [];
  for (const [key, want] of Object.entries<never>(expected)) {
    if (key === "after_call") checks.push(...afterCall(want, fresh, compare, limit));
    else if (key === "sequences") checks.push(...sequences(want, fresh, compare));
    else if (key === "generator") checks.push(...oneGenerator(want, limit));
    else if (key === "dataloader_base_seed") checks.push(...dataLoader(want, fresh()));
    else {checks.push(
        compare(key, key, fresh(), key.endsWith("_hex") ? (want as string[]).map(hexFloat) : want),
      );}
  }
  for (const key of c.tensors().keys()) {
    const want = c.tensors().f32(key);
    if (!key.startsWith("rand_float64_")) checks.push(compare(key, key, fresh(), want));
    else checks.push(exact(key, Float32Array.from(fresh().rand64(want.length)), want)); // stored as float32
  }
  return checks;
}

type Compare = (what: string, key: string, g: TorchGenerator, want: Values) => Check;

/** How much of the generator a call consumes: what it gives next, and what randn gives next. */
function afterCall(
  want: Record<string, { next_random32: number[]; then_randn_3: number[] }>,
  fresh: () => TorchGenerator,
  compare: Compare,
  limit: number,
): Check[] {
  const checks: Check[] = [];
  for (const [key, next] of Object.entries(want)) {
    if (key === "explain") continue;
    const after = () => {
      const g = fresh();
      compare(key, key, g, []); // for its draws only
      return g;
    };
    checks.push(exact(`next integers after ${key}`, after().random32(3), next.next_random32));
    checks.push(within(`randn(3) after ${key}`, after().randn(3), next.then_randn_3, limit));
  }
  return checks;
}

function sequences(
  want: { runs: { op: string; values: number[] }[][] },
  fresh: () => TorchGenerator,
  compare: Compare,
): Check[] {
  return want.runs.flatMap((run, r) => {
    const g = fresh();
    return run.map(({ op, values }, i) => compare(`sequence ${r}, call ${i} ${op}`, op, g, values));
  });
}

/** A generator of its own, called in the order of the entries. */
function oneGenerator(want: Record<string, number[]>, limit: number): Check[] {
  const g = new TorchGenerator(Number(want.initial_seed));
  const checks: Check[] = [exact("initial_seed", Number(g.initialSeed), want.initial_seed)];
  for (const [key, values] of Object.entries(want)) {
    if (key === "initial_seed") continue;
    const what = `generator ${key}`;
    if (key.startsWith("randn")) checks.push(within(what, g.randn(values.length), values, limit));
    else if (key.startsWith("randint")) checks.push(exact(what, g.randint(0, 1000, values.length), values));
    else if (key.startsWith("randperm")) checks.push(exact(what, g.randperm(values.length), values));
    else unknown(key);
  }
  return checks;
}

function dataLoader(want: Record<string, string | number[]>, g: TorchGenerator): Check[] {
  const [seed] = g.random64(1);
  const checks = [exact("dataloader base seed", String(seed), String(want.value))];
  for (const [key, values] of Object.entries(want)) {
    if (!key.startsWith("randperm_")) continue;
    checks.push(exact(`dataloader ${key}`, new TorchGenerator(seed).randperm(values.length), values));
  }
  return checks;
}

function product(shape: string): number {
  return shape.split("x").map(Number).reduce((a, b) => a * b, 1);
}

/** torch.linspace(0, 1, n), which counts from both ends. */
function linspace(n: number): Float32Array {
  const step = Math.fround(1 / (n - 1));
  return Float32Array.from({ length: n }, (_, i) => i < n / 2 ? step * i : 1 - step * (n - 1 - i));
}
