/** Weight gradients of convolutions: made, and added to float32 parameters, on each backend. */

import assert from "node:assert/strict";
import { bf16ToF32, type DType, f16ToF32, f32ToBf16, f32ToF16 } from "../../../src/base/dtype.ts";
import { accumulate, cast, compile, Graph } from "../../../src/graph/mod.ts";
import { record } from "../../../src/graph/graph.ts";
import { conv2dBackwardWeightOp } from "../../../src/graph/ops/conv2d.ts";
import { type Device, openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";
import { identical } from "../identical.ts";
import { device, testOnEach } from "../devices.ts";

/** Pictures, their channels, those of the outputs, kernel, stride. */
type Case = readonly [N: number, H: number, W: number, I: number, O: number, K: number, stride: number];
const CASES: readonly Case[] = [
  [1, 8, 8, 32, 24, 3, 1],
  [3, 7, 9, 40, 50, 3, 1], // odd rows, no whole panels, several pictures
  [2, 9, 13, 96, 12, 3, 2],
  [1, 1, 1, 16, 1, 3, 1],
  [2, 5, 6, 17, 33, 5, 1], // more taps than lanes
  [1, 6, 4, 64, 20, 1, 1], // a product
  [2, 6, 4, 32, 20, 1, 2],
  [1, 8, 8, 4, 32, 3, 1],
  [2, 5, 3, 64, 50, 3, 1], // fewer pixels than outputs
  [3, 7, 5, 32, 45, 3, 2],
];
/** Rows that a thread's part of memory does not hold at once. */
const LARGE: readonly Case[] = [[1, 96, 96, 33, 13, 3, 1], [25, 8, 8, 32, 801, 3, 1]];

const ROUNDED: Partial<Record<DType, (x: Float32Array) => Float32Array>> = {
  f32: (x) => x,
  f16: (x) => f16ToF32(f32ToF16(x)),
  bf16: (x) => bf16ToF32(f32ToBf16(x)),
};

function sizes([, H, W, , , K, stride]: Case) {
  const pad = K >> 1, along = (n: number) => Math.floor((n + 2 * pad - K) / stride) + 1;
  return { pad, height: along(H), width: along(W) };
}

function reference(dy: Float32Array, x: Float32Array, c: Case): Float64Array {
  const [N, H, W, I, O, K, stride] = c,
    { pad, height, width } = sizes(c),
    dw = new Float64Array(O * I * K * K);
  for (let at = 0; at < N * height * width; at++) {
    const column = at % width, row = Math.floor(at / width) % height, n = Math.floor(at / width / height);
    for (let tap = 0; tap < K * K; tap++) {
      const r = row * stride + Math.floor(tap / K) - pad, q = column * stride + tap % K - pad;
      if (r < 0 || r >= H || q < 0 || q >= W) continue;
      const from = ((n * H + r) * W + q) * I;
      for (let o = 0; o < O; o++) {
        const factor = dy[at * O + o];
        for (let i = 0; i < I; i++) dw[(o * I + i) * K * K + tap] += factor * x[from + i];
      }
    }
  }
  return dw;
}

/** The gradient, what adding it twice makes of a parameter, and what adding it to 0 does. */
async function run(
  on: Device,
  dtype: DType,
  c: Case,
  dy: Float32Array,
  x: Float32Array,
  before: Float32Array,
) {
  const [N, H, W, I, O, K, stride] = c, { pad, height, width } = sizes(c), shape = [O, I, K, K];
  const store = new ParameterStore(on);
  store.upload("grad", shape, "f32", before);
  store.upload("fresh", shape, "f32", before.map(() => NaN));
  const dw = (graph: Graph) =>
    record(conv2dBackwardWeightOp, [
      graph.input("dy", [N, height, width, O], dtype),
      graph.input("x", [N, H, W, I], dtype),
    ], { stride, padTop: pad, padLeft: pad, padBottom: pad, padRight: pad, kernelHeight: K, kernelWidth: K });
  const plain = new Graph(), adding = new Graph();
  plain.output("dw", dw(plain));
  accumulate(adding.parameter("grad", shape), cast(dw(adding), "f32"));
  accumulate(adding.parameter("fresh", shape), cast(dw(adding), "f32"), true);
  const made = await compile(plain, store), added = await compile(adding, store);
  assert.deepEqual(added.tables.listing.map((line) => line.split(" ")[0]), [
    "conv2dAccumulate",
    "conv2dAccumulate",
  ]);
  const result = (await made.run({ dy, x })).dw;
  for (let k = 0; k < 2; k++) await added.run({ dy, x });
  const sums = store.download("grad"), fresh = store.download("fresh");
  made.destroy();
  added.destroy();
  store.destroy();
  return { result, sums, fresh };
}

const count = ([N, H, W, I, O, K]: Case, { height, width } = { height: H, width: W }) => ({
  x: N * H * W * I,
  dy: N * height * width * O,
  dw: O * I * K * K,
});

function operands(c: Case, dtype: DType) {
  const n = count(c, sizes(c)),
    values = (size: number, seed: number) => normal([size], seed).values as Float32Array;
  return {
    dy: ROUNDED[dtype]!(values(n.dy, 1)),
    x: ROUNDED[dtype]!(values(n.x, 2)),
    before: values(n.dw, 3),
  };
}

testOnEach("a convolution's weight gradient is made, or added to its target", async (backend) => {
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    for (const c of CASES) {
      const { dy, x, before } = operands(c, dtype), wanted = reference(dy, x, c);
      const { result, sums, fresh } = await run(device(backend), dtype, c, dy, x, before);
      const rounded = { f32: 2e-6, f16: 1e-3, bf16: 4e-3 }[dtype];
      assert.ok(relL2(result, wanted) < rounded, `${dtype} ${c}: off by ${relL2(result, wanted)}`);
      const error = relL2(sums, wanted.map((v, k) => before[k] + 2 * v));
      assert.ok(error < (backend === "cpu" ? 2e-6 : rounded), `${dtype} ${c}, added: off by ${error}`);
      const off = relL2(fresh, wanted);
      assert.ok(off < (backend === "cpu" ? 4e-6 : rounded), `${dtype} ${c}, added to 0: off by ${off}`);
    }
  }
});

Deno.test("it is the same to the last bit by one thread and by two", async () => {
  for (const c of [...CASES, ...LARGE]) {
    const { dy, x, before } = operands(c, "bf16"), of = [];
    for (const threads of [1, 2]) {
      const on = openDevice("cpu", { threads });
      of.push(await run(on, "bf16", c, dy, x, before));
      on.close();
    }
    identical(of[0], of[1], String(c));
    if (LARGE.includes(c)) {
      const error = relL2(of[0].sums, reference(dy, x, c).map((v, k) => before[k] + 2 * v));
      assert.ok(error < 2e-6, `off by ${error}`);
    }
  }
});
