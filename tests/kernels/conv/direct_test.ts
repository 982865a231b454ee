import { ok } from "node:assert/strict";
import { bf16ToF32, f32ToBf16 } from "../../../src/base/dtype.ts";
import { add, compile, conv2d, gradients, Graph, mul, sum } from "../../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { normal } from "../check_op.ts";
import { withEnvironment } from "../devices.ts";
import { identical } from "../identical.ts";

/**
 * A convolution in bf16 of channels that fill blocks of 32: where the processor multiplies bf16, direct.cpp's, or, where
 * it has AMX, by tiles (by_tiles.cpp).
 */
interface Case {
  readonly x: readonly [N: number, H: number, W: number, I: number];
  readonly O: number;
  readonly kernel?: readonly [number, number];
  readonly pad?: readonly [top: number, bottom: number, left: number, right: number];
  readonly stride?: number;
  readonly added?: boolean; // a bias and a residual
}

const CASES: Record<string, Case> = {
  "two pictures, with bias and residual": { x: [2, 11, 14, 96], O: 64, added: true },
  "a picture of borders alone": { x: [3, 2, 1, 64], O: 96, added: true },
  "more pixels than are taken together": { x: [1, 41, 37, 32], O: 32 },
  "more channels than are taken together": { x: [1, 5, 6, 704], O: 672, added: true },
  "5 by 3 taps and uneven borders": { x: [2, 8, 7, 64], O: 32, kernel: [5, 3], pad: [2, 1, 0, 2] },
  "no borders": { x: [1, 6, 9, 32], O: 64, pad: [0, 0, 0, 0] },
  "one tap and borders": { x: [2, 7, 5, 96], O: 64, kernel: [1, 1], pad: [0, 1, 2, 0] },
  "pixels of many parts": { x: [2, 53, 61, 32], O: 32, added: true },
  "every second pixel": { x: [2, 12, 10, 64], O: 96, stride: 2, added: true },
  "every second pixel of uneven sides": { x: [2, 9, 13, 32], O: 64, stride: 2 },
  "every second pixel, zeros behind alone": { x: [2, 8, 10, 96], O: 32, stride: 2, pad: [0, 1, 0, 1] },
  "every second pixel and one tap": { x: [2, 7, 8, 32], O: 32, stride: 2, kernel: [1, 1], pad: [0, 0, 0, 0] },
  "every third pixel, 5 by 2 taps": {
    x: [2, 14, 11, 32],
    O: 64,
    stride: 3,
    kernel: [5, 2],
    pad: [3, 1, 0, 1],
  },
  "every second pixel, a row that no output reaches": {
    x: [1, 8, 6, 32],
    O: 32,
    stride: 2,
    pad: [0, 0, 0, 0],
  },
  "more pixels than are laid out at once": { x: [1, 85, 80, 672], O: 32 },
  "results that go past the caches": { x: [1, 129, 128, 32], O: 1024, added: true },
};

const numbers = (shape: readonly number[], seed: number, scale = 1) =>
  bf16ToF32(f32ToBf16(normal(shape, seed, scale).values as Float32Array));

function made(c: Case) {
  const [N, H, W, I] = c.x, [KH, KW] = c.kernel ?? [3, 3];
  const pad = [...c.pad ?? [1, 1, 1, 1]] as [number, number, number, number];
  const stride = c.stride ?? 1;
  const height = Math.floor((H + pad[0] + pad[1] - KH) / stride) + 1;
  const width = Math.floor((W + pad[2] + pad[3] - KW) / stride) + 1;
  const w = [c.O, I, KH, KW], y = [N, height, width, c.O];
  const scale = 1 / Math.sqrt(I * KH * KW);
  return {
    ...{ N, H, W, I, O: c.O, KH, KW, stride, pad, height, width, shapes: { x: [...c.x], w, y } },
    ...{ x: numbers(c.x, 1), w: numbers(w, 2, scale), bias: numbers([c.O], 3), residual: numbers(y, 4) },
    dy: numbers(y, 5),
  };
}
type Made = ReturnType<typeof made>;

async function run(on: Device, m: Made, added: boolean, frozen: boolean) {
  const store = new ParameterStore(on), graph = new Graph();
  store.upload("w", m.shapes.w, "bf16", m.w, { frozen });
  const x = graph.input("x", m.shapes.x, "bf16"), bias = graph.input("bias", [m.O], "bf16");
  const w = graph.parameter("w", m.shapes.w, "bf16");
  let y = conv2d(x, w, added ? bias : undefined, { stride: m.stride, pad: m.pad });
  if (added) y = add(y, graph.input("residual", m.shapes.y, "bf16"));
  graph.output("y", y);
  graph.output("dx", gradients(sum(mul(y, graph.input("dy", m.shapes.y, "bf16"))), [x])[0]!);
  const program = await compile(graph, store);
  const inputs = { x: m.x, dy: m.dy, ...added && { bias: m.bias, residual: m.residual } };
  const out = await program.run(inputs);
  program.destroy();
  store.destroy();
  return out as Record<"y" | "dx", Float32Array>;
}

/** y at one element, in float64. */
function output(m: Made, added: boolean, at: number): number {
  const o = at % m.O, column = Math.floor(at / m.O) % m.width;
  const row = Math.floor(at / m.O / m.width) % m.height, n = Math.floor(at / m.O / m.width / m.height);
  let total = added ? m.bias[o] + m.residual[at] : 0;
  for (let tap = 0; tap < m.KH * m.KW; tap++) {
    const r = row * m.stride + Math.floor(tap / m.KW) - m.pad[0];
    const c = column * m.stride + tap % m.KW - m.pad[2];
    if (r < 0 || r >= m.H || c < 0 || c >= m.W) continue;
    for (let i = 0; i < m.I; i++) {
      total += m.x[((n * m.H + r) * m.W + c) * m.I + i] * m.w[(o * m.I + i) * m.KH * m.KW + tap];
    }
  }
  return total;
}

/** dx at one element, in float64. */
function gradient(m: Made, at: number): number {
  const i = at % m.I, column = Math.floor(at / m.I) % m.W;
  const row = Math.floor(at / m.I / m.W) % m.H, n = Math.floor(at / m.I / m.W / m.H);
  let total = 0;
  for (let tap = 0; tap < m.KH * m.KW; tap++) {
    const r = (row - Math.floor(tap / m.KW) + m.pad[0]) / m.stride;
    const c = (column - tap % m.KW + m.pad[2]) / m.stride;
    if (!Number.isInteger(r) || !Number.isInteger(c)) continue;
    if (r < 0 || r >= m.height || c < 0 || c >= m.width) continue;
    for (let o = 0; o < m.O; o++) {
      total += m.dy[((n * m.height + r) * m.width + c) * m.O + o] * m.w[(o * m.I + i) * m.KH * m.KW + tap];
    }
  }
  return total;
}

/** Rounded once: within half of a bf16's last place, and what float32 sums are off. */
function near(what: string, got: Float32Array, exact: (at: number) => number): void {
  const step = Math.max(1, Math.floor(got.length / 700)) | 1;
  for (let at = 0; at < got.length; at += step) {
    const wanted = exact(at);
    ok(
      Math.abs(got[at] - wanted) <= Math.abs(wanted) / 256 + 1e-4,
      `${what}[${at}]: ${got[at]}, not ${wanted}`,
    );
  }
}

/** By tiles, where there are any, and by vectors. */
const WAYS: readonly Record<string, string>[] = [{}, { EASEL_CPU_AMX: "never" }];

async function check(c: Case): Promise<void> {
  const m = made(c), added = c.added ?? false;
  const alone = openDevice("cpu", { threads: 1 }), five = openDevice("cpu", { threads: 5 });
  for (const way of WAYS) {
    await withEnvironment(way, async () => {
      const first = await run(alone, m, added, true);
      near("y", first.y, (at) => output(m, added, at));
      near("dx", first.dx, (at) => gradient(m, at));
      identical(await run(five, m, added, true), first, "threads");
      const trainable = await run(five, m, added, false);
      near("y of trainable weights", trainable.y, (at) => output(m, added, at));
      near("dx of trainable weights", trainable.dx, (at) => gradient(m, at));
      identical(await run(alone, m, added, false), trainable, "threads");
    });
  }
  const usual = await withEnvironment({ EASEL_CPU_DIRECT: "never" }, () => run(alone, m, added, true));
  near("y by oneDNN", usual.y, (at) => output(m, added, at));
  near("dx by oneDNN", usual.dx, (at) => gradient(m, at));
  alone.close();
  five.close();
}

for (const [name, c] of Object.entries(CASES)) Deno.test(`conv2d in bf16: ${name}`, () => check(c));

Deno.test("conv2d in bf16: pictures of 1x1 to 9x9", async () => {
  for (let side = 1; side < 10; side++) await check({ x: [2, side, side, 32], O: 32, added: true });
});
