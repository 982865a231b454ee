import assert from "node:assert/strict";
import { affine, Programs } from "../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";

Deno.test("programs are made once for each shape, and of many the one used longest ago is given back", async () => {
  const device = openDevice("cpu", { threads: 1 }), store = new ParameterStore(device);
  try {
    const made: number[] = [];
    const programs = new Programs<{ n: number }>(store, { kept: 2 });
    const twice = async (n: number) => {
      const x = Float32Array.from({ length: n }, (_, i) => i);
      const { y } = await programs.run({ n }, (graph) => {
        made.push(n);
        graph.output("y", affine(graph.input("x", [n]), 2, 0));
      }, { x, unknown: x });
      return y.at(-1);
    };
    for (const n of [3, 5, 3, 7, 3, 5]) assert.equal(await twice(n), 2 * (n - 1));
    assert.deepEqual(made, [3, 5, 7, 5], "3 was used again before 7 took a place");
    programs.destroy();
    assert.equal(await twice(3), 4, "more can be made afterwards");
    programs.destroy();
  } finally {
    store.destroy();
    device.close();
  }
});
