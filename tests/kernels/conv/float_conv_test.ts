import { ok } from "node:assert/strict";
import { type DType, f16ToF32, f32ToF16 } from "../../../src/base/dtype.ts";
import { add, compile, conv2d, gradients, Graph, mul, sum } from "../../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";
import { withEnvironment } from "../devices.ts";
import { identical } from "../identical.ts";

/** Sides, channels, outputs, kernel, stride, padding of each side. */
type Case = readonly [
  N: number,
  H: number,
  W: number,
  I: number,
  O: number,
  K: number,
  S: number,
  pad: number,
];
const CASES: readonly Case[] = [
  [1, 8, 8, 640, 48, 3, 1, 1], // many parts of a sum
  [2, 5, 7, 35, 41, 3, 1, 1], // parts of blocks of channels, and of a panel
  [1, 9, 6, 32, 16, 3, 2, 1], // half a panel
  [1, 6, 6, 20, 70, 5, 1, 2],
  [1, 4, 4, 256, 33, 1, 2, 0],
  [1, 6, 5, 17, 17, 3, 1, 0],
];
const values = (shape: number[], seed: number) => normal(shape, seed).values as Float32Array;
const half = (x: Float32Array) => f16ToF32(f32ToF16(x));

function operands([N, H, W, I, O, K, S, pad]: Case, rounded: (x: Float32Array) => Float32Array) {
  const height = Math.floor((H + 2 * pad - K) / S) + 1, width = Math.floor((W + 2 * pad - K) / S) + 1;
  const [x, w, dy] = [[N, H, W, I], [O, I, K, K], [N, height, width, O]].map((s, k) => rounded(values(s, k)));
  const bias = rounded(values([O], 4)), residual = rounded(values([N, height, width, O], 5));
  return { height, width, x, w, dy, bias, residual };
}

/** The outputs and the input's gradient, in float64. */
function reference(c: Case, { height, width, x, w, dy, bias, residual }: ReturnType<typeof operands>) {
  const [N, H, W, I, O, K, S, pad] = c;
  const y = Float64Array.from(residual, (v, k) => v + bias[k % O]), dx = new Float64Array(x.length);
  for (let at = 0; at < N * height * width; at++) {
    const n = Math.floor(at / height / width),
      row = Math.floor(at / width) % height * S,
      column = at % width * S;
    for (let tap = 0; tap < K * K; tap++) {
      const r = row + Math.floor(tap / K) - pad, q = column + tap % K - pad;
      if (r < 0 || r >= H || q < 0 || q >= W) continue;
      for (let i = 0; i < I; i++) {
        const from = ((n * H + r) * W + q) * I + i;
        for (let o = 0; o < O; o++) {
          const weight = w[(o * I + i) * K * K + tap];
          y[at * O + o] += x[from] * weight;
          dx[from] += dy[at * O + o] * weight;
        }
      }
    }
  }
  return { y, dx };
}

interface How {
  readonly dtype?: DType;
  readonly frozen?: boolean;
  /** A picture for which the weights are packed first, as oneDNN wants them. */
  readonly beside?: number;
}

async function run(on: Device, c: Case, given: ReturnType<typeof operands>, how: How = {}) {
  const [N, H, W, I, O, K, S, pad] = c, { dtype = "f32", frozen = false, beside } = how;
  const store = new ParameterStore(on), padding = { pad: [pad, pad, pad, pad] as const, stride: S };
  store.upload("w", [O, I, K, K], dtype, given.w, { frozen });
  const others = beside ? new Graph() : undefined;
  others?.output(
    "y",
    conv2d(
      others.input("x", [1, beside!, beside!, I], dtype),
      others.parameter("w", [O, I, K, K], dtype),
      undefined,
      padding,
    ),
  );
  const first = others &&
    await withEnvironment({ EASEL_CPU_WINOGRAD: "always" }, () => compile(others, store));
  const graph = new Graph(), x = graph.input("x", [N, H, W, I], dtype);
  const bias = graph.input("bias", [O], dtype), shape = [N, given.height, given.width, O];
  const sums = conv2d(x, graph.parameter("w", [O, I, K, K], dtype), bias, padding);
  const y = add(sums, graph.input("residual", shape, dtype));
  graph.output("y", y);
  graph.output("dx", gradients(sum(mul(y, graph.input("dy", shape, dtype))), [x])[0]!);
  const program = await compile(graph, store);
  const { w: _, height: __, width: ___, ...inputs } = given;
  const out = await program.run(inputs);
  program.destroy();
  first?.destroy();
  store.destroy();
  return out as Record<"y" | "dx", Float32Array>;
}

Deno.test("sums of convolutions in float32 are as exact as those of products", async () => {
  for (const isa of ["v4", "v3", "v2"]) {
    const on = withEnvironment({ EASEL_CPU_ISA: isa }, () => openDevice("cpu"));
    for (const c of CASES) {
      const given = operands(c, (x) => x), wanted = reference(c, given);
      for (const how of [{}, { frozen: true }, { frozen: true, beside: 12 }] as const) {
        const got = await run(on, c, given, how);
        for (const key of ["y", "dx"] as const) {
          const error = relL2(got[key], wanted[key]);
          // oneDNN's one chain is 9.5e-7 off at 2,880 places, and 1.8e-6 at 11,520
          ok(error < 4e-7, `${isa} ${key} of ${c} ${JSON.stringify(how)}: ${error}`);
        }
      }
    }
    on.close();
  }
});

Deno.test("operands of 16 bits are widened as they are read", async () => {
  const on = openDevice("cpu");
  for (const c of CASES) {
    const given = operands(c, half), wanted = reference(c, given);
    const got = await run(on, c, given, { dtype: "f16", frozen: true });
    for (const key of ["y", "dx"] as const) {
      const error = relL2(got[key], wanted[key]);
      ok(error < 3e-4, `${key} of ${c}: ${error}`);
    }
  }
  on.close();
});

Deno.test("threads and processors change no bit of them", async () => {
  for (const c of CASES) {
    const given = operands(c, (x) => x), of = [];
    for (const [isa, threads] of [["v4", 1], ["v4", 2], ["v4", 3], ["v4", 5], ["v3", 2]] as const) {
      const on = withEnvironment({ EASEL_CPU_ISA: isa }, () => openDevice("cpu", { threads }));
      of.push(await run(on, c, given, { frozen: true }));
      on.close();
      identical(of.at(-1)!.y, of[0].y, `${isa} ${threads}: ${c}`);
      if (c[6] === 1) identical(of.at(-1)!.dx, of[0].dx, `gradient, ${isa} ${threads}: ${c}`);
    }
  }
});
