import assert from "node:assert/strict";
import { openCheckpoint } from "../../../src/generation/pipeline/load_model.ts";
import { Pipeline } from "../../../src/generation/pipeline/pipeline.ts";
import { slicesOf, spans, tiled, type Tiling } from "../../../src/generation/pipeline/tiles.ts";
import { fromBytes } from "../../../src/generation/pictures/pixels.ts";
import { loadImage } from "../../../src/images/load.ts";
import { resizePillow } from "../../../src/images/resampling/pillow.ts";
import { loadMissing } from "../../../src/models/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";

Deno.test("tiles cover every side, are equally long, and their weights go over into each other", () => {
  for (const [side, tile, overlap] of [[64, 64, 16], [65, 64, 16], [256, 64, 16], [40, 24, 8], [9, 64, 16]]) {
    const parts = spans(side, tile, overlap, 1), total = new Float32Array(side);
    for (const { from, weights } of parts) {
      assert.equal(weights.length, Math.min(side, tile));
      weights.forEach((weight, k) => total[from + k] += weight);
    }
    assert.ok(total.every((x) => x > 0), `${side}: a pixel belongs to no tile`);
    assert.ok(parts.every(({ from }, i) => i === 0 || from - parts[i - 1].from <= tile - overlap), `${side}`);
  }
});

Deno.test("results of tiles that agree are put together unchanged", async () => {
  const shape = { batch: 2, channels: 4, height: 20, width: 12 },
    tiling: Tiling = { height: 8, width: 8, overlap: 4 };
  const all = await tiled(shape, tiling, { scale: 2, channels: 1 }, ({ y, x, shape: { height, width } }) => {
    const out = new Float32Array(2 * height * 2 * width * 2);
    for (let k = 0; k < out.length; k++) {
      const column = k % (width * 2), row = Math.floor(k / (width * 2)) % (height * 2);
      out[k] = (2 * y + row) * 100 + 2 * x + column;
    }
    return Promise.resolve(out);
  });
  assert.ok(all.every((value, k) => Math.abs(value - (Math.floor(k / 24) % 40 * 100 + k % 24)) < 1e-2));
});

Deno.test("a photo in tiles or bands looks like the whole one: less than 2/255 apart in the mean", async () => {
  const file = openCheckpoint({ ...GEN_IMG_DEFAULTS, ckpt: "builtin:tiny" });
  const device = openDevice("cpu"), store = new ParameterStore(device);
  const model = {
    ...{ family: file.family, shapes: file.shapes, store, source: "builtin:tiny" },
    ...{ dtype: "f32", vaeDtype: "f32" } as const,
    load: (graph: Parameters<typeof loadMissing>[0]) => loadMissing(graph, store, file),
  };
  const shape = { batch: 1, channels: 4, height: 32, width: 32 }; // 256 x 256
  const whole = new Pipeline(model);
  const pipelines = [
    new Pipeline(model, () => ({ height: 20, width: 20, overlap: 8 })),
    new Pipeline(model, (size) => slicesOf(2, size)),
  ];
  try {
    const photo = await loadImage(new URL("../../data/pictures/a420.jpg", import.meta.url).pathname, {
      compat: false,
    });
    const pixels = fromBytes(resizePillow(photo, 256, 256, "bicubic")), noise = new Float32Array(32 * 32 * 4);
    const latents = await whole.encode(pixels, noise, shape), picture = await whole.decode(latents, shape);
    const mean = (a: Float32Array, b: Float32Array) =>
      a.reduce((sum, x, i) => sum + Math.abs(x - b[i]), 0) / a.length;
    for (const pipeline of pipelines) {
      const distance = mean(await pipeline.decode(latents, shape), picture) / 2 * 255;
      assert.ok(distance < 2, `decoded: ${distance} of 255`);
    }
    const encoded = mean(await pipelines[0].encode(pixels, noise, shape), latents);
    assert.ok(encoded < 0.05, `encoded: ${encoded}`);
  } finally {
    for (const pipeline of [whole, ...pipelines]) pipeline.destroy();
    store.destroy();
    device.close();
    file.close();
  }
});
