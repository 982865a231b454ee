import assert from "node:assert/strict";
import { compile, Graph } from "../../../src/graph/mod.ts";
import { deltaOf } from "../delta.ts";
import { keysOf, type NetworkModule, recordMerge } from "../../../src/networks/mod.ts";
import { loraModule } from "../../../src/networks/sites/modules.ts";
import { wholeAlpha } from "../../../src/networks/sites/values.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { uniform } from "../../golden/synth.ts";

function module(path: string): NetworkModule {
  return loraModule({ name: path.replaceAll(".", "_"), path, part: "te2", shape: [4, 4] }, 2, wholeAlpha(1));
}

Deno.test("recordMerge() changes only the rows of a fused projection that a module stands for", async () => {
  const modules = [module("block.attn.q_proj"), module("block.attn.v_proj")];
  const key = "block.attn.in_proj_weight", base = uniform("base", 48);
  const device = openDevice("cpu");
  const store = new ParameterStore(device);
  try {
    store.upload(key, [12, 4], "f32", base);
    for (const m of modules) {
      const { down, up } = keysOf(m);
      store.upload(down, [2, 4], "f32", uniform(down, 8));
      store.upload(up, [4, 2], "f32", uniform(up, 8));
    }
    const graph = new Graph();
    recordMerge(graph, modules, (name) => store.has(name) ? store.get(name) : undefined, 0.75);
    const program = await compile(graph, store);
    await program.run();
    program.destroy();
    const expected = Float32Array.from(base);
    modules.forEach((m, i) => {
      const { down, up } = keysOf(m);
      const delta = deltaOf(m, uniform(down, 8), uniform(up, 8));
      delta.forEach((d, at) => expected[i * 32 + at] += 0.75 * d); // q is the first third, v the last
    });
    store.download(key).forEach((value, i) => assert(Math.abs(value - expected[i]) < 1e-6, `element ${i}`));
  } finally {
    store.destroy();
    device.close();
  }
});
