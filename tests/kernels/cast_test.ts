/** Casts so large that their results go past the caches, at any place in memory. */

import assert from "node:assert/strict";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../src/base/dtype.ts";
import { cast, compile, Graph } from "../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";

const SIZE = (1 << 21) + 77; // more than 4 MiB of 16 bits, no whole blocks

Deno.test("a large cast rounds as a small one, whatever it begins with and by how many threads", async () => {
  const values = Float32Array.from({ length: SIZE }, (_, i) => Math.sin(i) * 2 ** (i % 9)),
    zero = new Float32Array(1);
  for (const threads of [1, 2]) {
    const device = openDevice("cpu", { threads }), store = new ParameterStore(device), graph = new Graph();
    store.allocateFlat("flat", [{ name: "first", shape: [1] }, { name: "x", shape: [SIZE] }]);
    store.set("first", zero);
    store.set("x", values);
    for (const dtype of ["bf16", "f16"] as const) {
      const narrow = cast(graph.parameter("x", [SIZE]), dtype);
      graph.output(dtype, narrow);
      graph.output(`${dtype}, widened`, cast(narrow, "f32"));
    }
    const program = await compile(graph, store), out = await program.run();
    for (
      const [dtype, wanted] of [["bf16", bf16ToF32(f32ToBf16(values))], [
        "f16",
        f16ToF32(f32ToF16(values)),
      ]] as const
    ) {
      for (const name of [dtype, `${dtype}, widened`]) {
        assert.equal(out[name].findIndex((v, i) => v !== wanted[i]), -1, `${name}, ${threads} threads`);
      }
    }
    program.destroy();
    store.destroy();
    device.close();
  }
});
