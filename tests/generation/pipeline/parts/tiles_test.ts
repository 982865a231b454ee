import assert from "node:assert/strict";
import { spans, tiled, type Tiling } from "../../../../src/generation/pipeline/parts/tiles.ts";

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
