/** Models on the CPU device: loading, compute dtypes, gradient checkpointing. */

import assert from "node:assert/strict";
import type { DType } from "../../src/base/dtype.ts";
import { compile, gradients, Graph, mean, square } from "../../src/graph/mod.ts";
import {
  type Family,
  loadModel,
  openModel,
  trainingConditioning,
  UNET,
  unet,
  unetHeads,
  Weights,
} from "../../src/models/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { synthTensor, uniform } from "../golden/synth.ts";
import { SMALL_UNET, smallCheckpoint, writeCheckpoint } from "./sample.ts";

async function withStore(body: (store: ParameterStore) => Promise<void>): Promise<void> {
  const device = openDevice("cpu"), store = new ParameterStore(device);
  try {
    await body(store);
  } finally {
    store.destroy();
    device.close();
  }
}

Deno.test("a checkpoint is loaded tensor by tensor in the wanted dtypes", () =>
  withStore(async (store) => {
    const folder = Deno.makeTempDirSync(), path = `${folder}/model.safetensors`;
    try {
      writeCheckpoint(path, smallCheckpoint("sd1"), 0x3e00); // 1.5
      const model = openModel(path);
      const trained = `${UNET}.out.2.weight`, calls: number[] = [];
      await loadModel(model, store, {
        dtype: "bf16",
        storage: (key) => key === trained ? "f32" : "bf16",
        skip: (key) => !key.startsWith(UNET),
        frozen: (key) => key !== trained,
        progress: (done, total) => calls.push(done / total),
      });
      model.close();
      const keys = [...model.shapes.keys()].filter((key) => key.startsWith(UNET));
      assert.deepEqual(store.names().sort(), keys.sort());
      for (const key of keys) {
        const { dtype, frozen, shape } = store.get(key);
        assert.deepEqual([dtype, frozen], key === trained ? ["f32", false] : ["bf16", true]);
        assert.deepEqual(shape, model.shapes.get(key));
        assert.ok(store.download(key).every((v) => v === 1.5), key);
      }
      assert.equal(calls.length, keys.length);
      assert.equal(calls.at(-1), 1);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  }));

/** The prediction and two gradients of a small model. */
async function predict(family: Family, dtype: DType, checkpointing: boolean) {
  const shapes = smallCheckpoint(family), { vectorWidth } = SMALL_UNET[family];
  const outputs: Record<string, Float32Array> = {};
  await withStore(async (store) => {
    for (const [key, shape] of shapes) {
      store.upload(key, shape, dtype, synthTensor(key, shape), { frozen: true });
    }
    const graph = new Graph(), w = Weights.over(graph, shapes, { dtype });
    const texts = family === "sdxl" ? 2 : 1;
    const ids = Array.from({ length: texts }, (_, i) => graph.input(`ids${i}`, [2, 77], "i32"));
    const { context } = trainingConditioning(family, { ids, chunks: 1 }, w);
    const y = unet(graph.input("x", [2, 6, 10, 4]), graph.input("t", [2]), context, w.at(UNET), {
      heads: unetHeads(family),
      vector: vectorWidth ? graph.input("v", [2, vectorWidth]) : undefined,
    });
    graph.output("y", y);
    const first = w.parameter(`${UNET}.input_blocks.0.0.weight`);
    const last = w.parameter(`${UNET}.middle_block.1.transformer_blocks.0.attn2.to_k.weight`);
    gradients(mean(square(y)), [first, last]).forEach((g, i) => graph.output(`g${i}`, g!));
    const program = await compile(graph, store, { recompute: checkpointing });
    const inputs: Record<string, Float32Array | Int32Array> = {
      x: uniform("x", 2 * 6 * 10 * 4, 1.7),
      t: Float32Array.of(3, 700),
    };
    if (vectorWidth) inputs.v = uniform("v", 2 * vectorWidth);
    for (let i = 0; i < texts; i++) inputs[`ids${i}`] = Int32Array.from({ length: 154 }, (_, k) => k % 97);
    Object.assign(outputs, await program.run(inputs), { bytes: Float32Array.of(program.memory.arenaBytes) });
    program.destroy();
  });
  return outputs;
}

Deno.test("bfloat16 stays near float32, checkpointing changes nothing but memory", async () => {
  const family = "sdxl"; // has all that the others have: two text encoders, a vector, depth 2
  const exact = await predict(family, "f32", false);
  const again = await predict(family, "f32", true);
  for (const name of ["y", "g0", "g1"]) {
    assert.ok(
      relL2(again[name], exact[name]) < 1e-6,
      `${family} ${name}: ${relL2(again[name], exact[name])}`,
    );
  }
  assert.ok(again.bytes[0] < exact.bytes[0], `${again.bytes[0]} bytes against ${exact.bytes[0]}`);
  const rough = await predict(family, "bf16", false);
  // measured 0.015 for y and 0.037 for the gradients
  for (const name of ["y", "g0", "g1"]) {
    assert.ok(
      relL2(rough[name], exact[name]) < 0.06,
      `${family} ${name}: ${relL2(rough[name], exact[name])}`,
    );
  }
});
