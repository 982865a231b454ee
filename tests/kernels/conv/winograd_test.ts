import { ok } from "node:assert/strict";
import { type DType, f16ToF32, f32ToF16 } from "../../../src/base/dtype.ts";
import { compile, conv2d, gradients, Graph, mul, sum } from "../../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { frozen, normal, type Operand } from "../check_op.ts";
import { device, withEnvironment } from "../devices.ts";
import { identical } from "../identical.ts";

const N = 2, H = 11, W = 14, I = 200, O = 72; // parts of tiles, of blocks of channels and of panels
const x = normal([N, H, W, I], 1), w = normal([O, I, 3, 3], 2, 0.05), dy = normal([N, H, W, O], 3);

/** The convolution, and its input gradient for the output's gradient dy. */
async function run(
  on: Device,
  way: "always" | "never",
  weights: Operand = frozen(w),
  dtype: DType = "f32",
  inputs = { x: x.values, dy: dy.values },
) {
  const store = new ParameterStore(on), graph = new Graph();
  store.upload("w", w.shape, dtype, weights.values, { frozen: weights.frozen });
  const input = graph.input("x", x.shape, dtype);
  const y = conv2d(input, graph.parameter("w", w.shape, dtype), undefined, { pad: [1, 1, 1, 1] });
  graph.output("y", y);
  const [dx] = gradients(sum(mul(y, graph.input("dy", dy.shape, dtype))), [input]);
  graph.output("dx", dx!);
  const program = await withEnvironment({ EASEL_CPU_WINOGRAD: way }, () => compile(graph, store));
  const out = await program.run(inputs);
  const scratch = program.memory.scratchBytes;
  program.destroy();
  store.destroy();
  return { ...out, scratch } as Record<"y" | "dx", Float32Array> & { scratch: number };
}

/** y[n, row, column, o] = sum of w[o, i, tap] x[n, row + tap, .., i], in float64; transposed: dx from dy. */
function exact(transposed: boolean, at: number): number {
  const [from, channels, others] = transposed ? [dy.values, O, I] : [x.values, I, O];
  const o = at % others, column = Math.floor(at / others) % W, row = Math.floor(at / others / W) % H;
  const n = Math.floor(at / others / W / H), sign = transposed ? -1 : 1;
  let total = 0;
  for (let tap = 0; tap < 9; tap++) {
    const r = row + sign * (Math.floor(tap / 3) - 1), c = column + sign * (tap % 3 - 1);
    if (r < 0 || r >= H || c < 0 || c >= W) continue;
    for (let i = 0; i < channels; i++) {
      const kernel = transposed ? i * I + o : o * I + i;
      total += from[((n * H + r) * W + c) * channels + i] * w.values[kernel * 9 + tap];
    }
  }
  return total;
}

/** The largest difference from float64 at some of the elements. */
function furthest(got: Float32Array, transposed: boolean): number {
  let most = 0;
  for (let at = 0; at < got.length; at += 37) {
    most = Math.max(most, Math.abs(got[at] - exact(transposed, at)));
  }
  return most;
}

Deno.test("convolutions and input gradients by Winograd are about as exact as direct ones", async () => {
  const [fast, direct] = [await run(device(), "always"), await run(device(), "never")];
  for (const name of ["y", "dx"] as const) {
    ok(fast[name].some((v, k) => v !== direct[name][k]), `${name} was not computed by Winograd`);
    const [a, b] = [fast, direct].map((out) => furthest(out[name], name === "dx"));
    ok(a <= 2 * b, `${name} is ${a} off by Winograd, ${b} directly`);
  }
});

Deno.test("by Winograd, threads and whether weights are frozen change nothing", async () => {
  const alone = openDevice("cpu", { threads: 1 }), five = openDevice("cpu", { threads: 5 });
  const { y, dx } = await run(alone, "always");
  for (const other of [await run(five, "always"), await run(five, "always", w)]) {
    identical(other.y, y);
    identical(other.dx, dx);
  }
  alone.close();
  five.close();
});

// f16 is computed in float32 on every processor, and so is bf16 where the processor does not multiply it.
Deno.test("by Winograd, 16 bits are widened as they are read: float32's bits, and its scratch", async () => {
  const rounded = (values: ArrayLike<number>) => f16ToF32(f32ToF16(Float32Array.from(values)));
  const weights = { ...w, values: rounded(w.values) },
    inputs = { x: rounded(x.values), dy: rounded(dy.values) };
  const wide = await run(device(), "always", weights, "f32", inputs);
  for (const each of [weights, frozen(weights)]) {
    const narrow = await run(device(), "always", each, "f16", inputs);
    identical(narrow.y, rounded(wide.y));
    identical(narrow.dx, rounded(wide.dx));
    ok(narrow.scratch <= wide.scratch, `${narrow.scratch} bytes of scratch, float32 takes ${wide.scratch}`);
  }
});
