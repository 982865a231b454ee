import assert from "node:assert/strict";
import { BandRunner, type Bands, bandsOf, BOUNDED } from "../../../../src/generation/pipeline/parts/bands.ts";
import { openCheckpoint } from "../../../../src/generation/pipeline/load_model.ts";
import { Pipeline } from "../../../../src/generation/pipeline/pipeline.ts";
import { Graph, memoryNeeded, type Programs } from "../../../../src/graph/mod.ts";
import type { DrawingModel } from "../../../../src/generation/pipeline/model.ts";
import {
  decoderPieces,
  decodeSmall,
  loadMissing,
  VAE,
  vaeShapes,
  Weights,
} from "../../../../src/models/mod.ts";
import { byteSize } from "../../../../src/base/dtype.ts";
import { HostRows } from "../../../../src/generation/pipeline/parts/host_rows.ts";
import { openDevice, ParameterStore } from "../../../../src/runtime/mod.ts";
import { GEN_IMG_DEFAULTS } from "../../defaults.ts";

const SIDE = 256, LATENT = SIDE / 8;

/** Large areas of one colour, where a shift of it is seen first: a disc in front of sky and meadow. */
function flat(): Float32Array {
  return Float32Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3), x = pixel % SIDE / SIDE, y = Math.floor(pixel / SIDE) / SIDE;
    const disc = (x - 0.7) ** 2 + (y - 0.3) ** 2 < 0.015;
    return (disc ? [0.9, 0.8, -0.7] : y < 0.6 ? [-0.5, 0.1, 0.8] : [0.2, 0.6, -0.6])[i % 3];
  });
}

Deno.test("bands hold a number of rows: by their memory, or by their count", () => {
  assert.equal(BOUNDED({ height: 2048, width: 2048, channels: 256 }), 16);
  assert.equal(bandsOf(3)({ height: 256, width: 1, channels: 1 }), 86);
});

Deno.test("what bands of 2048x2048 need beside their activations is small, these are counted, in bfloat16 and in float32", async () => {
  const config = { channels: [128, 256, 512, 512], resBlocks: 2, latentChannels: 4, linearAttention: false };
  const shapes = new Map([...vaeShapes(config)].map(([key, shape]) => [`${VAE}.${key}`, shape]));
  const device = openDevice("cpu"), store = new ParameterStore(device);
  try {
    for (const vaeDtype of ["bf16", "f32"] as const) {
      const model = { shapes, store, vaeDtype } as unknown as DrawingModel, planned: number[] = [];
      const plan = (record: (graph: Graph) => void) => {
        const graph = new Graph();
        record(graph);
        planned.push(memoryNeeded(graph, store).arenaBytes);
        return graph;
      };
      const scope = (graph: Graph) => Weights.over(graph, shapes, { dtype: vaeDtype }).at(VAE);
      plan((graph) => graph.output("h", decodeSmall(graph.input("x", [1, 256, 256, 4]), scope(graph))));
      const programs = {
        run(_: string, record: (graph: Graph) => void) {
          plan(record);
          return Promise.resolve({ mean: new Float32Array(32), rstd: new Float32Array(32).fill(1) });
        },
        runBytes(_: string, record: (graph: Graph) => void) {
          const { shape, dtype } = plan(record).outputs.get("out")!;
          return Promise.resolve({ out: kept(byteSize(dtype) * shape.reduce((n, d) => n * d, 1)) });
        },
      } as unknown as Programs<string>;
      const made: ArrayBuffer[] = [];
      let largest = 0;
      const kept = (bytes: number) => {
        const out = new Uint8Array(bytes);
        made.push(out.buffer);
        // a buffer that was given back has no bytes
        largest = Math.max(largest, made.reduce((sum, { byteLength }) => sum + byteLength, 0));
        return out;
      };
      const rows = new HostRows(256, 512, vaeDtype, device);
      rows.addBytes(kept(byteSize(vaeDtype) * 16 * 256 * 512));
      const runner = new BandRunner(model, programs, BOUNDED);
      (await runner.run(rows, decoderPieces(scope(new Graph())), true)).takeFloats();
      assert.equal(device.peakBytes, largest);
      const [small, ...bands] = planned.map((bytes) => bytes / 2 ** 30), most = Math.max(...bands);
      // 1 or 2 GiB of activations lie beside the bands, few beside what comes before them
      const [before, beside] = vaeDtype === "bf16" ? [0.4, 0.1] : [0.7, 0.2];
      assert.ok(small < before && most < beside, `${vaeDtype}: ${small}, then ${most} GiB`);
    }
  } finally {
    store.destroy();
    device.close();
  }
});

Deno.test("a picture of flat areas in bands is that of the whole, decoded and encoded", async () => {
  const file = openCheckpoint({ ...GEN_IMG_DEFAULTS, ckpt: "builtin:tiny" });
  const device = openDevice("cpu"), store = new ParameterStore(device);
  const model = {
    ...{ family: file.family, shapes: file.shapes, store, source: "builtin:tiny" },
    ...{ dtype: "f32", vaeDtype: "f32" } as const,
    load: (graph: Parameters<typeof loadMissing>[0]) => loadMissing(graph, store, file),
  };
  const shape = { batch: 1, channels: 4, height: LATENT, width: LATENT };
  const rows: Bands = ({ height }) => height < SIDE ? 22 : 61; // no divisor of any height
  const whole = new Pipeline(model), inBands = new Pipeline(model, rows);
  const furthest = (a: Float32Array, b: Float32Array) =>
    a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
  try {
    const noise = Float32Array.from({ length: LATENT * LATENT * 4 }, (_, i) => Math.sin(i));
    const latents = await whole.encode(flat(), noise, shape), picture = await whole.decode(latents, shape);
    const decoded = furthest(await inBands.decode(latents, shape), picture) / 2 * 255;
    assert.ok(decoded < 0.1, `decoded: ${decoded} of 255`);
    const encoded = furthest(await inBands.encode(flat(), noise, shape), latents);
    assert.ok(encoded < 1e-3, `encoded: ${encoded}`);
  } finally {
    for (const pipeline of [whole, inBands]) pipeline.destroy();
    store.destroy();
    device.close();
    file.close();
  }
});
