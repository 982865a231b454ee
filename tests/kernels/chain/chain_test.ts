import assert from "node:assert/strict";
import {
  abs,
  accumulate,
  add,
  affine,
  cast,
  compile,
  div,
  exp,
  fill,
  finite,
  Graph,
  maximum,
  minimum,
  mul,
  reshape,
  select,
  sign,
  slice,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  write,
} from "../../../src/graph/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { PythonRandom } from "../../../src/random/python.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";
import { chainCode, type ChainStep } from "../../../src/graph/ops/chain.ts";
import { device, testOnEach } from "../devices.ts";
import { create, opcode } from "../executor/records.ts";

/** Runs a graph as chains and gives its outputs, those of the listed parameters, and the instructions. */
async function run(
  backend: "cpu" | "cuda",
  build: (g: Graph) => void,
  inputs: Record<string, Float32Array>,
  parameters: Record<string, { values: Float32Array; dtype?: "bf16" | "f16" }> = {},
  chains = true,
): Promise<{ out: Record<string, Float32Array>; listing: readonly string[] }> {
  const store = new ParameterStore(device(backend)), g = new Graph();
  for (const [name, { values, dtype }] of Object.entries(parameters)) {
    store.upload(name, [values.length], dtype ?? "f32", values);
  }
  build(g);
  const program = await compile(g, store, { chains });
  const out = await program.run(inputs);
  for (const name of Object.keys(parameters)) out[name] = store.download(name);
  const { listing } = program.tables;
  program.destroy();
  for (const name of store.names()) store.free(name);
  return { out, listing };
}

const values = (n: number, seed: number) => normal([n], seed).values as Float32Array;

for (const n of [1, 3, 700, 70_001]) {
  testOnEach(`a chain computes what its ops compute one by one (${n} elements)`, async (backend) => {
    const build = (g: Graph) => {
      const x = g.input("x", [n]), y = g.input("y", [n]), hyper = g.input("hyper", [3]);
      const [lr, beta] = [slice(hyper, 0, 1, 1), slice(hyper, 0, 2, 1)];
      const w = g.parameter("w", [n]), m = g.parameter("m", [n]);
      write(m, add(mul(m, beta), mul(square(x), affine(beta, -1, 1))));
      const step = div(x, affine(sqrt(m), 1, 1e-3));
      g.output("norm", sum(abs(step)));
      write(w, sub(w, mul(maximum(minimum(step, y), affine(y, -1, 0)), lr)));
      g.output("twice", affine(w, 2, 0));
      fill(m, 0.5);
      accumulate(m, exp(affine(y, 0.1, 0)));
    };
    const inputs = { x: values(n, 1), y: values(n, 2), hyper: Float32Array.of(9, 0.01, 0.9) };
    const start = () => ({ w: { values: values(n, 3) }, m: { values: values(n, 4).map(Math.abs) } });
    const joined = await run(backend, build, inputs, start());
    const apart = await run(backend, build, inputs, start(), false);
    for (const [name, wanted] of Object.entries(apart.out)) {
      assert.ok(relL2(joined.out[name], wanted) < 1e-6, `${name}: ${relL2(joined.out[name], wanted)}`);
    }
    if (n > 1) assert.deepEqual(joined.listing.map((line) => line.split(" ")[0]), ["chain"]);
  });
}

testOnEach(
  "select() keeps the other value's bits, sign() and finite() know NaN and infinity",
  async (backend) => {
    const x = Float32Array.of(-2, 0, 3, NaN, Infinity, -Infinity), n = x.length;
    const { out } = await run(
      backend,
      (g) => {
        const x = g.input("x", [n]), w = g.parameter("w", [n]), norm = g.input("norm", [1]);
        g.output("sign", sign(x));
        g.output("finite", finite(x));
        write(w, select(finite(norm), mul(w, norm), w));
        g.output("chosen", select(finite(x), x, affine(w, 0, 7)));
        g.output("scalar", finite(affine(norm, 2, 0)));
      },
      { x, norm: Float32Array.of(NaN) },
      { w: { values: values(n, 1) } },
    );
    assert.deepEqual([...out.sign], [-1, 0, 1, NaN, 1, -1]);
    assert.deepEqual([...out.finite], [1, 1, 1, 0, 0, 0]);
    assert.deepEqual([...out.w], [...values(n, 1)]);
    assert.deepEqual([...out.chosen], [-2, 0, 3, 7, 7, 7]);
    assert.deepEqual([...out.scalar], [0]);
  },
);

testOnEach("a choice is written wherever a formula that is too long is cut", async (backend) => {
  const n = 8, w = values(n, 1), inputs = { x: values(n, 2), going: Float32Array.of(1) };
  for (let ops = 1; ops <= 10; ops++) {
    const { out } = await run(
      backend,
      (g) => {
        const w = g.parameter("w", [n]), v = g.parameter("v", [n]);
        let x = g.input("x", [n]);
        for (const [parameter, more] of [[w, 60 + ops], [v, 70 - ops]] as const) {
          for (let k = 0; k < more; k++) x = affine(x, 1, 1);
          write(parameter, select(g.input("going", [1]), affine(x, 1, 1), parameter));
        }
      },
      inputs,
      { w: { values: w }, v: { values: w } },
    );
    for (const v of [out.w, out.v]) assert.ok(v.every((x) => x > 50), `${ops} ops: ${v}`);
  }
});

testOnEach("a chain reads and writes 16-bit parameters, rounding once", async (backend) => {
  const n = 1000, w = values(n, 1), g = values(n, 2);
  for (const dtype of ["bf16", "f16"] as const) {
    const { out, listing } = await run(
      backend,
      (graph) => {
        const w = graph.parameter("w", [n], dtype);
        write(w, sub(cast(w, "f32"), affine(graph.input("g", [n]), 0.1, 0)));
      },
      { g },
      { w: { values: w, dtype } },
    );
    const wanted = w.map((v, i) => v - 0.1 * g[i]);
    assert.ok(relL2(out.w, wanted) < (dtype === "bf16" ? 4e-3 : 6e-4));
    assert.equal(listing.length, 1);
  }
});

testOnEach(
  "sums over many elements are exact to float32, and what reads them begins another chain",
  async (backend) => {
    const n = 300_000, x = values(n, 5);
    const { out, listing } = await run(backend, (g) => {
      const x = g.input("x", [n]);
      const norm = sqrt(sum(square(x)));
      g.output("norm", norm);
      g.output("unit", div(x, norm));
    }, { x });
    const norm = Math.sqrt(x.reduce((total, v) => total + v * v, 0));
    assert.ok(Math.abs(out.norm[0] / norm - 1) < 2e-7);
    assert.ok(relL2(out.unit, x.map((v) => v / norm)) < 1e-6);
    assert.equal(listing.filter((line) => line.startsWith("chain")).length, 1);
  },
);

testOnEach("random formulas, too long for one chain too, agree with their ops", async (backend) => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = new PythonRandom(BigInt(seed)), n = 64 + 200 * (seed % 4);
    const numbers = Array.from({ length: 400 }, () => random.random());
    const build = (g: Graph) => {
      let at = 0;
      const next = (most: number) => Math.floor(numbers[at++ % numbers.length] * most);
      const pool: Tensor[] = [g.input("x", [n]), g.parameter("w", [n]), g.parameter("m", [n])];
      const pick = () => pool[next(pool.length)];
      const one = g.input("one", [1]);
      for (let k = 0; k < 30 + 8 * seed; k++) {
        const kind = next(8);
        if (kind === 0) pool.push(add(pick(), pick()));
        else if (kind === 1) pool.push(mul(pick(), affine(one, 0.5, 0.1)));
        else if (kind === 2) pool.push(minimum(maximum(pick(), one), affine(pick(), -0.5, 1)));
        else if (kind === 3) pool.push(affine(pick(), 0.7, -0.2));
        else if (kind === 4) pool.push(div(pick(), affine(abs(pick()), 1, 1)));
        else if (kind === 5) write(pool[1 + next(2)], pick());
        else if (kind === 6) pool.push(mul(pick(), affine(sum(pick()), 1 / n, 0)));
        else pool.push(reshape(reshape(pick(), [1, n]), [n]));
      }
      g.output("y", affine(pool.at(-1)!, 1, 1));
    };
    const inputs = { x: values(n, seed), one: Float32Array.of(0.3) };
    const start = () => ({ w: { values: values(n, seed + 1) }, m: { values: values(n, seed + 2) } });
    const joined = await run(backend, build, inputs, start());
    const apart = await run(backend, build, inputs, start(), false);
    for (const name of ["y", "w", "m"]) {
      const error = relL2(joined.out[name], apart.out[name]);
      assert.ok(error < 1e-5, `seed ${seed}: ${name} differs by ${error}`);
    }
  }
});

/** Shapes, and those of operands that repeat in them along neighbouring axes: runs of all lengths, and of one element. */
const REPEATING: [readonly number[], ...(readonly number[])[]][] = [
  [[7, 300], [7, 1], [1, 300], [300]],
  [[40, 30, 3, 3], [40, 30, 3, 1], [40, 30, 1, 3], [40, 1, 1, 1], [40, 30, 1, 1], [3]],
  [[500, 5, 2], [500, 1, 2], [500, 5, 1], [1, 5, 2]],
  [[3, 1, 9000], [3, 1, 1], [1, 1, 9000]],
];
testOnEach("a chain reads operands that repeat where they are", async (backend) => {
  for (const [shape, ...repeating] of REPEATING) {
    const count = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);
    const build = (g: Graph) => {
      const x = g.input("x", [...shape]);
      const factors = repeating.map((shape, k) => g.input(`f${k}`, [...shape]));
      g.output("y", factors.reduce((y, f, k) => k % 2 ? sub(y, f) : mul(f, y), x));
      g.output("one first", div(factors[0], x));
    };
    const inputs = {
      x: values(count(shape), 1),
      ...Object.fromEntries(repeating.map((shape, k) => [`f${k}`, values(count(shape), k + 2)])),
    };
    const joined = await run(backend, build, inputs), apart = await run(backend, build, inputs, {}, false);
    assert.deepEqual(joined.listing.map((line) => line.split(" ")[0]), ["chain"]);
    for (const name of ["y", "one first"]) {
      assert.ok(relL2(joined.out[name], apart.out[name]) < 1e-6, `${name} of ${shape.join("x")}`);
    }
  }
});

testOnEach("what two chains read is kept, or computed in both where that reads no more", async (backend) => {
  const n = 700, x = values(n, 1), w = values(n, 2);
  const doubled = (v: number) => 2 * v + 1;
  const cases: [string, (x: Tensor, w: Tensor) => Tensor, Float32Array, boolean, boolean][] = [
    ["made of one array", (x) => affine(x, 2, 1), x.map(doubled), false, false],
    ["made of two", (x, w) => mul(x, w), x.map((v, i) => v * w[i]), false, true],
    ["made of what changes then", (_, w) => affine(w, 2, 1), w.map(doubled), true, true],
  ];
  for (const [what, build, value, changes, kept] of cases) {
    const { out, listing } = await run(
      backend,
      (g) => {
        const x = g.input("x", [n]), w = g.parameter("w", [n]), value = build(x, w);
        const size = sum(square(value));
        g.output("squares", sum(square(x)));
        if (changes) fill(w, 0);
        g.output("y", div(value, size));
      },
      { x },
      { w: { values: w } },
    );
    const [first] = listing.filter((line) => line.startsWith("chain "));
    assert.equal(first.split("<-")[0].includes(`f32[${n}]`), kept, `${what}: ${first}`);
    const size = value.reduce((total, v) => total + v * v, 0);
    assert.ok(relL2(out.y, value.map((v) => v / size)) < 1e-6, what);
  }
});

/** A code of scalar and lane steps over four lanes, one output and one operand. */
const code = (counts: number[], ...steps: [ChainStep | number, number[]][]) =>
  Int32Array.from([
    ...counts,
    ...steps.flatMap(([step, [to = 0, a = 0, b = 0, c = 0]]) => [
      (typeof step === "number" ? step : chainCode(step)) | to << 8 | a << 16 | b << 24,
      c,
    ]),
  ]);
const SCALAR = 64, ARRAY = 128;
const BROKEN: [string, Int32Array, RegExp][] = [
  ["too few words", Int32Array.of(0, 0, 0, 0, 0), /another length/],
  ["too many steps", Int32Array.of(60, 60, 1, 1), /another length|too long/],
  ["too many registers", Int32Array.of(0, 0, 99, 0), /too long/],
  ["a negative count", Int32Array.of(0, -1, 0, 0), /too long/],
  ["a step that there is not", code([0, 1, 1, 0], [250, [0]]), /no such step/],
  ["a register that was not set", code([0, 1, 2, 0], ["abs", [0, 1]]), /register that none before it set/],
  ["a register beyond the last", code([0, 1, 1, 0], ["load", [7, 1]]), /register that is not there/],
  ["a scalar that was not set", code([0, 1, 1, 1], ["abs", [0, SCALAR]]), /scalar that none before it set/],
  ["an operand that there is not", code([0, 1, 1, 0], ["abs", [0, ARRAY + 9]]), /operand that is not there/],
  [
    "an element that there is not",
    code([1, 0, 0, 1], ["element", [0, 1, 0, 4]]),
    /element that is not there/,
  ],
  ["a sum into an operand of many", code([0, 1, 0, 0], ["sum", [1, ARRAY + 1]]), /sum goes into an output/],
  [
    "8-bit numbers of another dtype",
    code([0, 1, 1, 0], ["dequantize", [0, 1, 1, 1]]),
    /8-bit numbers are u8/,
  ],
  [
    "8-bit numbers that are not there",
    code([0, 1, 1, 0], ["dequantize", [0, 9, 1, 1]]),
    /operand that is not/,
  ],
  ["what repeats along no axis", code([0, 1, 1, 0], ["spread", [0, 1, 0, 3]]), /repeats along no axis/],
  ["what repeats no whole times", code([0, 1, 1, 0], ["spread", [0, 1, 0, -1]]), /repeats along no axis/],
  ["what repeats and is not there", code([0, 1, 1, 0], ["spread", [0, 9, 0, 1]]), /operand that is not/],
  ["quantize without its scalar", code([0, 1, 0, 0], ["quantize", [1, ARRAY + 1, 1, 1]]), /scalar that none/],
  ["dither without its seed", code([0, 1, 1, 0], ["dither", [0, ARRAY + 1, 3]]), /scalar that none/],
  ["storeIf without its scalar", code([0, 1, 0, 0], ["storeIf", [0, ARRAY + 1, 0, 3]]), /scalar that none/],
];
testOnEach("a chain's code is refused where a step names what is not there", async (backend) => {
  for (const [what, words, reason] of BROKEN) {
    const tensors = [{}, { dims: [words.length], dtype: 3, buffer: 1, frozen: true }, { offset: 64 }];
    const made = create(
      backend,
      tensors,
      [{ opcode: opcode("chain"), operands: [0, 1, 2], attrs: [4, 1, 0] }],
      new Uint8Array(words.slice().buffer),
    );
    await assert.rejects(made, reason, what);
  }
});
