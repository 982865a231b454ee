import assert from "node:assert/strict";
import type { DType } from "../../src/base/dtype.ts";
import { attention, compile, gradients, Graph, mul, sum } from "../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { checkOp, device, normal } from "./check_op.ts";
import { identical } from "./identical.ts";

interface Sizes {
  B: number;
  Lq: number;
  Lk: number;
  heads: number;
  width: number;
  causal?: boolean;
  dtypes?: readonly DType[];
}

/** softmax(q k^T / sqrt(width)) v for each head, from the formula. */
function attended(q: Float64Array, k: Float64Array, v: Float64Array, s: Sizes): Float64Array {
  const { B, Lq, Lk, heads, width, causal } = s, row = heads * width;
  const out = new Float64Array(B * Lq * row), weights = new Float64Array(Lk);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < Lq; i++) {
        const at = (b * Lq + i) * row + h * width, first = b * Lk * row + h * width;
        const seen = causal ? Math.min(Lk, i + 1) : Lk;
        let most = -Infinity, sum = 0;
        for (let j = 0; j < seen; j++) {
          let total = 0;
          for (let c = 0; c < width; c++) total += q[at + c] * k[first + j * row + c];
          weights[j] = total / Math.sqrt(width);
          most = Math.max(most, weights[j]);
        }
        for (let j = 0; j < seen; j++) sum += weights[j] = Math.exp(weights[j] - most);
        for (let j = 0; j < seen; j++) {
          for (let c = 0; c < width; c++) out[at + c] += weights[j] / sum * v[first + j * row + c];
        }
      }
    }
  }
  return out;
}

const cases: Sizes[] = [
  { B: 1, Lq: 5, Lk: 7, heads: 2, width: 8 },
  { B: 2, Lq: 33, Lk: 33, heads: 1, width: 12, causal: true },
  { B: 1, Lq: 70, Lk: 37, heads: 2, width: 40 },
  { B: 1, Lq: 37, Lk: 77, heads: 1, width: 64 },
  { B: 1, Lq: 66, Lk: 66, heads: 1, width: 80, causal: true },
  { B: 1, Lq: 34, Lk: 20, heads: 1, width: 160 },
  { B: 1, Lq: 18, Lk: 19, heads: 1, width: 200 },
  { B: 1, Lq: 1, Lk: 1, heads: 1, width: 1 },
  // a tile of the CPU's and what is left beside it, kernels/cpu/attention
  { B: 1, Lq: 131, Lk: 515, heads: 1, width: 4, dtypes: ["f32"] },
  { B: 1, Lq: 515, Lk: 515, heads: 1, width: 3, causal: true, dtypes: ["f32"] },
  { B: 1, Lq: 290, Lk: 139, heads: 1, width: 24 },
  // some units of AMX' tiles
  { B: 2, Lq: 157, Lk: 293, heads: 1, width: 64, causal: true, dtypes: ["bf16"] },
  { B: 1, Lq: 165, Lk: 341, heads: 2, width: 40, dtypes: ["bf16"] },
  // so many heads that CUDA takes the queries in two chunks, see kernels/cuda/attention/attention_scores.cpp
  { B: 1, Lq: 20, Lk: 1040, heads: 64, width: 2, dtypes: ["f32"] },
];

for (const s of cases) {
  checkOp(`attention() ${JSON.stringify(s)}`, {
    operands: [
      normal([s.B, s.Lq, s.heads * s.width], 1),
      normal([s.B, s.Lk, s.heads * s.width], 2),
      normal([s.B, s.Lk, s.heads * s.width], 3),
    ],
    build: (q, k, v) => attention(q, k, v, { heads: s.heads, causal: s.causal }),
    reference: (q, k, v) => attended(q, k, v, s),
    dtypes: s.dtypes,
  });
}

{
  // the CPU's weights are of the first keys' size until sums grow too large, kernels/cpu/attention
  const s: Sizes = { B: 1, Lq: 37, Lk: 397, heads: 1, width: 40 }, keys = normal([1, s.Lk, s.width], 2);
  const rising = (keys.values as Float32Array).map((x, i) => x * 30 * Math.floor(i / s.width) / s.Lk);
  checkOp("attention() of scores that rise by hundreds along the keys", {
    operands: [
      normal([1, s.Lq, s.width], 1),
      { ...keys, values: rising },
      normal([1, s.Lk, s.width], 3),
    ],
    build: (q, k, v) => attention(q, k, v, { heads: s.heads }),
    reference: (q, k, v) => attended(q, k, v, s),
    tolerance: { f32: 1e-4 },
    gradient: false,
  });
}

{
  // one key's weight is 2^130 to 2^300 times those of the first ones
  const s: Sizes = { B: 1, Lq: 37, Lk: 150, heads: 1, width: 40 }, keys = normal([1, s.Lk, s.width], 2);
  const queries = normal([1, s.Lq, s.width], 1), positive = (queries.values as Float32Array).map(Math.abs);
  const leaping = (keys.values as Float32Array).map((x, i) => Math.floor(i / s.width) === 9 ? 30 : x * 0.01);
  checkOp("attention() of scores that leap by hundreds behind the first keys", {
    operands: [
      { ...queries, values: positive },
      { ...keys, values: leaping },
      normal([1, s.Lk, s.width], 3),
    ],
    build: (q, k, v) => attention(q, k, v, { heads: s.heads }),
    reference: (q, k, v) => attended(q, k, v, s),
    tolerance: { f32: 1e-4 },
    gradient: false,
  });
}

for (const [much, factor] of [["millions", 1e4], ["a billion", 1.5e4]] as const) {
  // so large that the CPU's tiles of AMX make no weights by whole numbers
  const s: Sizes = { B: 1, Lq: 37, Lk: 150, heads: 1, width: 40 }, values = normal([1, s.Lk, s.width], 3);
  const [queries, keys] = [s.Lq, s.Lk].map((length, i) => {
    const x = normal([1, length, s.width], i + 1);
    return { ...x, values: (x.values as Float32Array).map((v) => v * factor) };
  });
  checkOp(`attention() of scores of ${much}`, {
    operands: [queries, keys, values],
    build: (q, k, v) => attention(q, k, v, { heads: s.heads }),
    reference: (q, k, v) => attended(q, k, v, s),
    dtypes: ["f32", "bf16"],
    gradient: false,
  });
}

Deno.test("attention() of a number that is none has none as its outcome", async () => {
  const shape = [1, 20, 40], none = (at: number) => (normal(shape, 1).values as Float32Array).with(at, NaN);
  for (const dtype of ["f32", "bf16"] as const) {
    for (
      const [which, at] of [["q", 3 * 40], ["k", 0], ["k", 15 * 40], ["v", 0], ["v", 15 * 40 + 39]] as const
    ) {
      const store = new ParameterStore(device("cpu")), graph = new Graph();
      const [q, k, v] = ["q", "k", "v"].map((name) => graph.input(name, shape, dtype));
      graph.output("y", attention(q, k, v, { heads: 1 }));
      const program = await compile(graph, store);
      const plain = normal(shape, 2).values as Float32Array;
      const { y } = await program.run({ q: plain, k: plain, v: plain, [which]: none(at) });
      const [rows, columns] = [
        which === "q" ? [3] : [...Array(20).keys()],
        which === "v" ? [at % 40] : [0, 39],
      ];
      for (const row of rows) {
        for (const c of columns) assert.ok(Number.isNaN(y[row * 40 + c]), `${dtype} ${which} ${at}: ${row}`);
      }
      program.destroy();
      store.destroy();
    }
  }
});

Deno.test("attention() sees one key of many that is no number", async () => {
  // AMX packs 512 keys at a time
  const length = 1200, plain = normal([1, length, 40], 2).values as Float32Array;
  const store = new ParameterStore(device("cpu")), graph = new Graph();
  const [q, k] = [3, length].map((n, i) => graph.input(["q", "k"][i], [1, n, 40], "bf16"));
  graph.output("y", attention(q, k, k, { heads: 1 }));
  const program = await compile(graph, store);
  for (const at of [3, 600, 1199]) {
    const { y } = await program.run({ q: plain.slice(0, 3 * 40), k: plain.slice().with(at * 40, NaN) });
    for (let row = 0; row < 3; row++) assert.ok(Number.isNaN(y[row * 40 + 1]), `key ${at}, row ${row}`);
  }
  program.destroy();
  store.destroy();
});

/** attention and its three gradients. */
async function bits(threads: number, dtype: DType): Promise<Record<string, unknown>> {
  const own = openDevice("cpu", { threads }), store = new ParameterStore(own), graph = new Graph();
  const lengths = [300, 143, 143], inputs: Record<string, Float32Array> = {};
  const operands = lengths.map((length, i) => {
    inputs[`x${i}`] = normal([2, length, 3 * 40], i + 1).values as Float32Array;
    return graph.input(`x${i}`, [2, length, 3 * 40], dtype);
  });
  const y = attention(operands[0], operands[1], operands[2], { heads: 3 });
  graph.output("y", y);
  gradients(sum(mul(y, y)), operands).forEach((g, i) => g && graph.output(`d${i}`, g));
  const program = await compile(graph, store), results = await program.run(inputs);
  program.destroy();
  store.destroy();
  own.close();
  return results;
}

Deno.test("attention and its gradients do not depend on the number of threads", async () => {
  for (const dtype of ["f32", "bf16"] as const) {
    const alone = await bits(1, dtype);
    assert.deepEqual(Object.keys(alone).sort(), ["d0", "d1", "d2", "y"]);
    identical(await bits(2, dtype), alone, dtype);
  }
});
