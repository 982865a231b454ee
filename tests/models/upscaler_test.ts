/** The latent upscaler's batch norms of the pictures' own statistics, which sd-scripts' highres fix leaves it with. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openCheckpoint, writeSafetensors } from "../../src/formats/mod.ts";
import { Programs } from "../../src/graph/mod.ts";
import { Weights } from "../../src/models/mod.ts";
import { loadUpscaler } from "../../src/models/upscaler/load.ts";
import { upscaler } from "../../src/models/upscaler/upscaler.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { uniform } from "../golden/synth.ts";
import { writeSynthUpscaler } from "../golden/prepare/upscaler.ts";

const SHAPE = [2, 8, 8, 4] as const, PIXELS = 2 * 8 * 8;

/** An upscaler that adds the first four channels of its last norm to the latents. */
function writeBare(path: string): void {
  writeSynthUpscaler(path);
  using file = openCheckpoint(path);
  const first = new Float32Array(4 * 64);
  for (let c = 0; c < 4; c++) first[c * 64 + c] = 1;
  const changed: Record<string, Float32Array> = {
    "conv_final.weight": first,
    "conv_final.bias": new Float32Array(4),
  };
  const bytes = (values: Float32Array) => new Uint8Array(values.buffer as ArrayBuffer);
  const tensors = file.keys().map((name) => {
    const { dtype, shape } = file.info(name);
    return { name, dtype, shape, data: name in changed ? bytes(changed[name]) : file.bytes(name).slice() };
  });
  writeSafetensors(path, tensors, {});
}

async function added(path: string, ownStatistics: boolean): Promise<Float32Array> {
  const device = openDevice("cpu", { threads: 1 }), store = new ParameterStore(device);
  const programs = new Programs<string>(store);
  try {
    using file = openCheckpoint(path);
    const shapes = loadUpscaler(file, store, { ownStatistics });
    const latents = uniform("latents", 4 * PIXELS).map((u) => 5 * u);
    const { y } = await programs.run("forward", (graph) => {
      graph.output("y", upscaler(graph.input("x", [...SHAPE]), Weights.over(graph, shapes)));
    }, { x: latents });
    return y.map((value, i) => value - latents[i]);
  } finally {
    programs.destroy();
    store.destroy();
    device.close();
  }
}

Deno.test("upscaler() with norms of their own statistics gives all pictures together their mean and variance", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-upscaler-" }), path = join(dir, "up.safetensors");
  writeBare(path);
  const own = await added(path, true), running = await added(path, false);
  using file = openCheckpoint(path);
  const gain = file.f32("bn3.weight"), shift = file.f32("bn3.bias");
  for (let c = 0; c < 4; c++) {
    const values = Float64Array.from({ length: PIXELS }, (_, i) => own[i * 4 + c]);
    const mean = values.reduce((a, b) => a + b) / PIXELS;
    const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / PIXELS);
    assert.ok(Math.abs(mean - shift[c]) < 1e-4, `mean ${mean} of channel ${c}, ${shift[c]} is wanted`);
    assert.ok(Math.abs(deviation - gain[c]) < 1e-3, `deviation ${deviation}, ${gain[c]} is wanted`);
  }
  assert.ok(running.some((value, i) => Math.abs(value - own[i]) > 0.1));
  Deno.removeSync(dir, { recursive: true });
});
