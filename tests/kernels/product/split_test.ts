/**
 * Products whose K a GPU cuts in parts: the block that finishes a tile adds them, so a product is one launch, its result
 * does not depend on which block that was, and every run finds the counters as the one before did.
 */

import assert from "node:assert/strict";
import { add, compile, conv2d, Graph, matmul, type Tensor } from "../../../src/graph/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";
import { identical } from "../identical.ts";
import { noSimulator, openTestDevice, simulatorPath, withEnvironment } from "../devices.ts";

/** Few tiles and a long K on a card with many multiprocessors; odd widths share sectors of memory between tiles. */
const CASES: Record<string, (x: (name: string, ...shape: number[]) => Tensor) => Tensor> = {
  "a plain product": (x) => matmul(x("a", 24, 2048), x("b", 2048, 136)),
  "odd widths, a bias and a residual": (x) =>
    add(matmul(x("a", 70, 1023), x("b", 77, 1023), { transB: true, bias: x("bias", 77) }), x("y", 70, 77)),
  "a long and a short product": (x) =>
    add(matmul(x("a", 24, 2048), x("b", 2048, 136)), matmul(x("c", 24, 20), x("d", 20, 136))),
  "a stack": (x) => matmul(x("a", 3, 20, 1024), x("b", 3, 1024, 72)),
  "a convolution": (x) =>
    conv2d(x("a", 1, 6, 6, 128), x("w", 72, 128, 3, 3), x("bias", 72), { pad: [1, 1, 1, 1] }),
};

interface Ran {
  readonly runs: readonly Float32Array[];
  readonly launches: number;
}

async function run(record: (typeof CASES)[string], variables: Record<string, string>): Promise<Ran> {
  return await withEnvironment(variables, async () => {
    const device = openTestDevice("cuda"), store = new ParameterStore(device), graph = new Graph();
    const inputs: Record<string, Float32Array> = {};
    const y = record((name, ...shape) => {
      const { values } = normal(shape, 3 + Object.keys(inputs).length);
      if (name !== "w") {
        inputs[name] = values as Float32Array;
        return graph.input(name, shape, "f32");
      }
      store.upload(name, shape, "f32", values as Float32Array, { frozen: true });
      return graph.parameter(name, shape, "f32");
    });
    graph.output("out", y);
    const program = await compile(graph, store);
    const counter = Deno.dlopen(simulatorPath(), {
      easel_simt_launches: { parameters: [], result: "i64" },
    });
    const runs: Float32Array[] = [];
    let launches = 0;
    for (let k = 0; k < 3; k++) {
      const before = Number(counter.symbols.easel_simt_launches());
      runs.push((await program.run(inputs)).out.slice());
      launches = Number(counter.symbols.easel_simt_launches()) - before;
    }
    counter.close();
    program.destroy();
    store.destroy();
    device.close();
    return { runs, launches };
  });
}

for (const [name, record] of Object.entries(CASES)) {
  Deno.test({
    name: `K in parts: ${name}`,
    ignore: noSimulator !== null,
    fn: async () => {
      const whole = await run(record, { EASEL_SIMT_MULTIPROCESSORS: "1" });
      const many = { EASEL_SIMT_MULTIPROCESSORS: "132" };
      const cut = await run(record, many);
      const reversed = await run(record, { ...many, EASEL_SIMT_REVERSED: "1" });
      assert.equal(cut.launches, whole.launches, "a product in parts is one launch");
      assert.notDeepEqual(cut.runs[0], whole.runs[0], "K was not cut: the sums have the same order");
      assert.ok(relL2(cut.runs[0], whole.runs[0]) < 2e-6);
      for (const again of [...cut.runs, ...reversed.runs]) identical(again, cut.runs[0]);
    },
  });
}
