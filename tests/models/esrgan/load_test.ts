/**
 * Networks that enlarge pictures, against torch 2.13 in float64 (leaky_relu, prelu, pixel_shuffle and nearest of
 * torch.nn.functional put together as in basicsr/archs/rrdbnet_arch.py and srvgg_arch.py): reference.json has for each
 * layout the file's tensors, the mean of the result and every n-th of its numbers.
 */

import assert from "node:assert/strict";
import { openCheckpoint } from "../../../src/formats/mod.ts";
import { Programs } from "../../../src/graph/mod.ts";
import { loadPictureUpscaler } from "../../../src/models/esrgan/load.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { stream } from "../../golden/synth.ts";
import { RECORDED, type Recorded, writeSynthEsrgan } from "./sample.ts";

const HEIGHT = 6, WIDTH = 8;

/** (3, H, W) of the recording, as (H, W, 3). */
function picture(): Float32Array {
  const planes = stream("picture", 3 * HEIGHT * WIDTH), pixels = HEIGHT * WIDTH;
  return Float32Array.from(planes, (_, i) => (planes[i % 3 * pixels + Math.floor(i / 3)] + 1) / 2);
}

async function enlarged(path: string): Promise<Float32Array> {
  const device = openDevice("cpu"), store = new ParameterStore(device);
  const programs = new Programs<string>(store);
  try {
    using file = openCheckpoint(path);
    const network = loadPictureUpscaler(file, store);
    const { rgb } = await programs.run("", (graph) => {
      graph.output("rgb", network.record(graph.input("rgb", [1, HEIGHT, WIDTH, 3])));
    }, { rgb: picture() });
    assert.equal(rgb.length, 3 * HEIGHT * WIDTH * network.scale ** 2);
    return rgb;
  } finally {
    programs.destroy();
    store.destroy();
    device.close();
  }
}

Deno.test("ESRGAN's layouts and the compact network give torch's numbers", async (t) => {
  const dir = Deno.makeTempDirSync(), path = `${dir}/upscaler.safetensors`;
  try {
    for (const [name, { shapes, size, every, mean }] of Object.entries(RECORDED)) {
      await t.step(name, async () => {
        writeSynthEsrgan(path, shapes, name.includes("params_ema") ? "params_ema." : "");
        const found = await enlarged(path);
        assert.equal(found.length, size);
        const step = Math.floor(size / 16);
        every.forEach((value, i) => assert.ok(Math.abs(found[i * step] - value) < 1e-5, `${i}: ${value}`));
        assert.ok(Math.abs(found.reduce((sum, x) => sum + x) / size - mean) < 1e-6);
      });
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("a file that is no upscaler, or not all of one, is named with what is wrong", async () => {
  const dir = Deno.makeTempDirSync(), path = `${dir}/upscaler.safetensors`;
  const { shapes } = RECORDED["ESRGAN x4"], { "model.10.bias": _, ...incomplete } = shapes;
  const compact = RECORDED["Real-ESRGAN compact x2"].shapes;
  const faults: [string, Recorded["shapes"], RegExp][] = [
    ["another network", { "a.weight": [1] }, /upscaler\.safetensors: holds a\.weight; an upscaler is wanted/],
    ["a layer less", incomplete, /has no conv_last\.bias/],
    [
      "another shape",
      { ...shapes, "model.8.weight": [6, 6, 1, 1] },
      /conv_hr\.weight as \[6, 6, 1, 1\] and not/,
    ],
    [
      "one more",
      { ...shapes, "model.1.sub.0.RDB1.conv6.0.weight": [6, 6, 3, 3] },
      /has body\.0\.rdb1\.conv6\.weight, which is no part of one/,
    ],
    ["another name", { ...shapes, "extra.weight": [1] }, /has extra\.weight, which is no part of one/],
    ["of a compact one", { ...compact, "extra.weight": [1] }, /has extra\.weight, which is no part of one/],
  ];
  try {
    for (const [, found, message] of faults) {
      writeSynthEsrgan(path, found);
      await assert.rejects(enlarged(path), message);
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
