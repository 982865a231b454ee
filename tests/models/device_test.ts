/** Models on the CPU device: loading, compute dtypes, gradient checkpointing. */

import assert from "node:assert/strict";
import type { DType } from "../../src/base/dtype.ts";
import { compile, gradients, Graph, mean, square } from "../../src/graph/mod.ts";
import { loadModel, openModel, UNET, Weights } from "../../src/models/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { synthTensor, uniform } from "../golden/synth.ts";
import { family, type FamilyName } from "../golden/synth_models.ts";
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
async function predict(name: FamilyName, dtype: DType, checkpointing: boolean) {
  const shapes = smallCheckpoint(name), { vectorWidth } = SMALL_UNET[name], own = family(name);
  const outputs: Record<string, Float32Array> = {};
  await withStore(async (store) => {
    for (const [key, shape] of shapes) {
      store.upload(key, shape, dtype, synthTensor(key, shape), { frozen: true });
    }
    const graph = new Graph(), w = Weights.over(graph, shapes, { dtype });
    const texts = own.textEncoders.length;
    const ids = Array.from({ length: texts }, (_, i) => graph.input(`ids${i}`, [2, 77], "i32"));
    const { context } = own.text.captions({ ids, chunks: 1 }, w);
    const vector = vectorWidth ? graph.input("v", [2, vectorWidth]) : undefined;
    const y = own.denoise(graph.input("x", [2, 6, 10, 4]), graph.input("t", [2]), { context, vector }, w);
    graph.output("y", y);
    const first = w.parameter(`${UNET}.input_blocks.0.0.weight`);
    const last = w.parameter(`${UNET}.middle_block.1.transformer_blocks.0.attn2.to_k.weight`);
    gradients(mean(square(y)), [first, last]).forEach((g, i) => graph.output(`g${i}`, g!));
    const program = await compile(graph, store, { recompute: checkpointing ? "all" : undefined });
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
  const name = "sdxl"; // has all that the others have: two text encoders, a vector, depth 2
  const exact = await predict(name, "f32", false);
  const again = await predict(name, "f32", true);
  for (const key of ["y", "g0", "g1"]) {
    assert.ok(
      relL2(again[key], exact[key]) < 1e-6,
      `${name} ${key}: ${relL2(again[key], exact[key])}`,
    );
  }
  assert.ok(again.bytes[0] < exact.bytes[0], `${again.bytes[0]} bytes against ${exact.bytes[0]}`);
  const rough = await predict(name, "bf16", false);
  // measured 0.015 for y and 0.037 for the gradients
  for (const key of ["y", "g0", "g1"]) {
    assert.ok(
      relL2(rough[key], exact[key]) < 0.06,
      `${name} ${key}: ${relL2(rough[key], exact[key])}`,
    );
  }
});
