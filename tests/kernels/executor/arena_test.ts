import { deepStrictEqual, notDeepStrictEqual, strictEqual } from "node:assert/strict";
import { compile, conv2d, Graph, sum } from "../../../src/graph/mod.ts";
import { type Device, ParameterStore } from "../../../src/runtime/mod.ts";
import { normal } from "../check_op.ts";
import { openTestDevice, testOnEach } from "../devices.ts";

const WEIGHTS = [24, 16, 3, 3];

/** A convolution with trainable weights, which wants scratch, over a picture of `side` x `side`. */
async function convolution(store: ParameterStore, side: number) {
  const graph = new Graph(), x = graph.input("x", [1, side, side, 16]);
  const y = conv2d(x, graph.parameter("w", WEIGHTS), undefined, { pad: [1, 1, 1, 1] });
  graph.output("sums", sum(y, [1, 2]));
  const program = await compile(graph, store);
  return { program, x: normal([1, side, side, 16], side).values as Float32Array };
}

function opened(device: Device) {
  const store = new ParameterStore(device);
  store.upload("w", WEIGHTS, "f32", normal(WEIGHTS, 3, 0.1).values);
  return store;
}

testOnEach("a smaller program works in the memory of a larger one", async (backend) => {
  const device = openTestDevice(backend), store = opened(device);
  const large = await convolution(store, 24);
  const before = device.allocatedBytes;
  const small = await convolution(store, 12);
  strictEqual(device.allocatedBytes - before, small.program.tables.constants.length);
  large.program.destroy();
  const { sums } = await small.program.run({ x: small.x });
  small.program.destroy();
  const alone = await convolution(store, 12);
  deepStrictEqual((await alone.program.run({ x: alone.x })).sums, sums);
  alone.program.destroy();
  store.destroy();
  device.close();
});

testOnEach("programs in one arena take turns when they are run at once", async (backend) => {
  const device = openTestDevice(backend), store = opened(device);
  const large = await convolution(store, 24), small = await convolution(store, 12);
  const apart = [await large.program.run({ x: large.x }), await small.program.run({ x: small.x })];
  const together = await Promise.all([large, small].map(({ program, x }) => program.run({ x })));
  deepStrictEqual(together, apart);
  notDeepStrictEqual(together[0], together[1]);
  large.program.destroy();
  small.program.destroy();
  store.destroy();
  device.close();
});
