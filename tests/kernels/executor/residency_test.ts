import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { add, affine, compile, conv2d, gradients, Graph, mul, sum, write } from "../../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";

const SHAPE = [64, 64, 3, 3], BYTES = 64 * 64 * 9 * 4;

/** A convolution over the frozen weight `w`. */
async function convolution(store: ParameterStore, side: number) {
  const graph = new Graph();
  graph.output(
    "y",
    conv2d(graph.input("x", [1, side, side, 64]), graph.parameter("w", SHAPE), undefined, {
      pad: [1, 1, 1, 1],
    }),
  );
  return await compile(graph, store);
}

function withWeight() {
  const device = openDevice("cpu", { threads: 2 }), store = new ParameterStore(device);
  const values = normal(SHAPE, 3).values as Float32Array;
  store.upload("w", SHAPE, "f32", values, { frozen: true });
  return { device, store, values };
}

Deno.test("a frozen weight that is repacked lies in memory once, and reads back as it was", async () => {
  const { device, store, values } = withWeight();
  const before = device.allocatedBytes;
  const program = await convolution(store, 16);
  ok(program.memory.packedBytes < BYTES / 4, `${program.memory.packedBytes} bytes beside the weight`);
  ok(device.allocatedBytes >= before + program.memory.scratchBytes, "scratch counts as memory in use");
  const x = normal([1, 16, 16, 64], 4).values as Float32Array;
  const { y } = await program.run({ x });
  deepStrictEqual(store.download("w"), values);
  deepStrictEqual((await program.run({ x })).y, y);
  const again = await convolution(store, 24); // another shape, perhaps another layout
  const larger = await again.run({ x: normal([1, 24, 24, 64], 5).values as Float32Array });
  ok(larger.y.every(Number.isFinite) && larger.y.some((v) => v !== 0));
  deepStrictEqual(store.download("w"), values);
  program.destroy();
  again.destroy();
  deepStrictEqual(store.download("w"), values);
  store.destroy();
  strictEqual(device.allocatedBytes, 0);
  device.close();
});

for (const dtype of ["f32", "bf16", "f16"] as const) { // isa_test.ts runs them without AVX-512, too
  Deno.test(`conv2d and its gradient hold a frozen weight once in ${dtype} and as it was`, async () => {
    const device = openDevice("cpu", { threads: 1 }), store = new ParameterStore(device), graph = new Graph();
    store.upload("w", SHAPE, dtype, normal(SHAPE, 3).values as Float32Array, { frozen: true });
    const values = store.download("w"), picture = [1, 16, 16, 64];
    const x = graph.input("x", picture, dtype), w = graph.parameter("w", SHAPE, dtype);
    const y = conv2d(x, w, undefined, { pad: [1, 1, 1, 1] });
    graph.output("y", y);
    graph.output("dx", gradients(sum(mul(y, y)), [x])[0]!);
    const before = device.allocatedBytes, program = await compile(graph, store);
    const { packedBytes, scratchBytes, arenaBytes } = program.memory,
      weight = BYTES / (dtype === "f32" ? 1 : 2);
    ok(packedBytes < weight / 4, `${packedBytes} bytes beside the weight of ${weight}`);
    ok(device.allocatedBytes >= before + packedBytes + scratchBytes + arenaBytes);
    const inputs = { x: normal(picture, 4).values }, first = await program.run(inputs);
    ok(first.dx.every(Number.isFinite) && first.dx.some((v) => v !== 0));
    deepStrictEqual(store.download("w"), values);
    deepStrictEqual(await program.run(inputs), first);
    program.destroy();
    deepStrictEqual(store.download("w"), values);
    device.close();
  });
}

Deno.test("programs that read a repacked weight as it is, or write it, find its bytes", async () => {
  const { device, store, values } = withWeight();
  const packed = await convolution(store, 16);
  const graph = new Graph();
  graph.output("twice", add(graph.parameter("w", SHAPE), graph.parameter("w", SHAPE)));
  const reader = await compile(graph, store);
  deepStrictEqual((await reader.run()).twice, values.map((v) => v + v));
  packed.destroy();
  reader.destroy();
  const once = await convolution(store, 16);
  once.destroy();
  const changing = new Graph(), w = changing.parameter("w", SHAPE);
  write(w, affine(w, 3, 0));
  const writer = await compile(changing, store);
  await writer.run();
  deepStrictEqual(store.download("w"), values.map((v) => Math.fround(v * 3)));
  writer.destroy();
  const after = await convolution(store, 16);
  const x = normal([1, 16, 16, 64], 4).values as Float32Array;
  const { y } = await after.run({ x });
  store.upload("w", SHAPE, "f32", values);
  after.destroy();
  const original = await convolution(store, 16);
  const expected = (await original.run({ x })).y;
  const error = relL2(y, expected.map((v) => 3 * v));
  ok(error < 1e-6, `the new bytes are not the packed ones: ${error}`);
  original.destroy();
  store.destroy();
  device.close();
});
