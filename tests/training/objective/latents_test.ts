/** The autoencoder's encoder, for pictures of many sizes. */
import { strictEqual } from "node:assert/strict";
import { loadMissing, openVae } from "../../../src/models/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { LatentEncoder } from "../../../src/training/objective/latents.ts";
import { device } from "../../kernels/devices.ts";

Deno.test("pictures of growing sizes are encoded in the memory of the largest alone", async () => {
  const file = openVae("builtin:tiny");
  const on = device("cpu"), store = new ParameterStore(on), before = on.arenas.size;
  const encoder = new LatentEncoder({
    ...{ shapes: file.shapes, store, source: file.path, vaeDtype: "f32" },
    load: (graph) => loadMissing(graph, store, file),
  });
  const sizes = [[64, 64], [64, 128], [128, 128]] as const;
  for (const [height, width] of [...sizes, ...sizes]) {
    await encoder.encode(new Float32Array(height * width * 3), 1, height, width, null);
    strictEqual(on.arenas.size, before + 1, `${width}x${height}`);
  }
  const [arena] = [...on.arenas].slice(before),
    [need] = [encoder.need([{ batch: 1, height: 128, width: 128 }])];
  strictEqual(arena.buffer.bytes, need.arenaBytes);
  encoder.destroy();
  store.destroy();
  file.close();
});
