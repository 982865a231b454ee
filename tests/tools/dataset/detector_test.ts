/** Faces as ONNX models find them: both layouts, by models of a few nodes that see a white square. */

import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import type { Pixels } from "../../../src/images/pixels.ts";
import { writePicture } from "../../../src/images/write.ts";
import { openDevice } from "../../../src/runtime/mod.ts";
import { FaceDetector } from "../../../src/tools/dataset/pictures/detector.ts";
import { cutFaces } from "../../../src/tools/dataset/pictures/faces.ts";
import { onnxBytes, type OnnxNodeSpec } from "../../formats/onnx_writer.ts";

const SIDE = 64;

/** 128 x 96, black, with a white square of 32 pixels around (48, 48): the model sees it at half its size. */
const picture: Pixels = {
  ...{ width: 128, height: 96, channels: 3 },
  data: Uint8Array.from({ length: 128 * 96 * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % 128, y = Math.floor(i / 3 / 128);
    return x >= 32 && x < 64 && y >= 32 && y < 64 ? 255 : 0;
  }),
};

/** The mean of each square of `step` x `step`, as "p STEP". Sums of sums: a window is as many nodes as it has pixels. */
function pooled(step: number): OnnxNodeSpec[] {
  const half = { kernel_shape: [2, 2], strides: [2, 2] };
  return Array.from({ length: Math.log2(step) }, (_, i) => ({
    ...{ op: "AveragePool", ints: half },
    inputs: [i === 0 ? "image" : `p ${step} ${i}`],
    outputs: [2 ** (i + 1) === step ? `p ${step}` : `p ${step} ${i + 1}`],
  }));
}

/** `weights` times a square's mean, and `bias`: one output channel for each. */
function scaled(step: number, name: string, weights: number[], bias: number[]): OnnxNodeSpec {
  const k = bias.length, w = weights.flatMap((value) => [value, value, value]);
  return {
    op: "Conv",
    inputs: [`p ${step}`, `${name} w`, `${name} b`],
    outputs: [`${name} c`],
    tensors: { [`${name} w`]: { shape: [k, 3, 1, 1], data: w }, [`${name} b`]: { shape: [k], data: bias } },
  };
}

/** The square's mean is its score, where the grid of 16 pixels sees it. */
function yunet(): Uint8Array {
  const outputs: string[] = [], nodes: OnnxNodeSpec[] = [];
  for (const step of [8, 16, 32]) {
    nodes.push(...pooled(step));
    const score = step === 16 ? 1 / 765 : 0;
    const heads: [string, number[], number[]][] = [
      ["cls", [score], [0]],
      ["obj", [score], [0]],
      ["bbox", [0, 0, 0, 0], [0.5, 0.5, 0, Math.log(1.52)]],
      ["kps", Array(10).fill(0), [0.25, 0.4, 0.75, 0.6, ...Array(6).fill(0)]],
    ];
    for (const [head, weights, bias] of heads) {
      const name = `${head}_${step}`, k = bias.length;
      nodes.push(
        scaled(step, name, weights, bias),
        { op: "Transpose", inputs: [`${name} c`], outputs: [`${name} t`], ints: { perm: [0, 2, 3, 1] } },
        {
          op: "Reshape",
          inputs: [`${name} t`, `${name} s`],
          outputs: [name],
          sizes: { [`${name} s`]: [1, -1, k] },
        },
      );
      outputs.push(name);
    }
  }
  return onnxBytes({ input: ["image", [1, 3, SIDE, SIDE]], outputs, nodes });
}

function yolo(rows = 5): Uint8Array {
  const bias = [24, 24, 16, 24, 0].slice(0, rows), weights = [0, 0, 0, 0, 1 / 3].slice(0, rows);
  const nodes = [
    ...pooled(16),
    scaled(16, "m", weights, bias),
    { op: "Reshape", inputs: ["m c", "s"], outputs: ["out"], sizes: { s: [1, rows, 16] } },
  ];
  return onnxBytes({ input: ["image", [1, 3, SIDE, SIDE]], outputs: ["out"], nodes });
}

async function withModel(bytes: Uint8Array, body: (model: FaceDetector, path: string) => Promise<void>) {
  const dir = Deno.makeTempDirSync({ prefix: "easel-detector-" }), path = join(dir, "faces.onnx");
  Deno.writeFileSync(path, bytes);
  const device = openDevice("cpu", { threads: 1 }), model = FaceDetector.open(path, device, 0.6);
  try {
    await body(model, path);
  } finally {
    model.close();
    device.close();
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("a face is found where YuNet's grids say, with its eyes", () =>
  withModel(yunet(), async (model) => {
    const [{ angle, ...face }, ...others] = await model.find(picture, true);
    deepStrictEqual([face, others], [{ centreX: 48, centreY: 48, width: 32, height: 48 }, []]);
    strictEqual(Math.abs(angle - Math.atan2(0.2, 0.5) / Math.PI * 180) < 1e-3, true);
  }));

Deno.test("a face is found where YOLOv8's table says, without eyes", () =>
  withModel(yolo(), async (model) => {
    deepStrictEqual(await model.find(picture, false), [
      { centreX: 48, centreY: 48, width: 32, height: 48, angle: 0 },
    ]);
    await rejects(model.find(picture, true), /finds faces without eyes, which --rotate needs/);
  }));

Deno.test("a model that is no face detector is told by what it gives", () =>
  withModel(yolo(4), async (model) => {
    await rejects(model.find(picture, false), /faces\.onnx: gives \[1, 4, 16\]; give a YuNet model/);
  }));

Deno.test("cutFaces() with --detector writes the faces that the model finds", () =>
  withModel(yunet(), async (_, detector) => {
    const dir = Deno.makeTempDirSync({ prefix: "easel-faces-" });
    Deno.mkdirSync(join(dir, "s"));
    await writePicture(join(dir, "s", "p.png"), picture);
    await cutFaces({
      ...{ srcDir: join(dir, "s"), dstDir: join(dir, "o"), detections: null, detector, detectorScore: 0.6 },
      ...{
        device: "cpu",
        threads: 1,
        vramBudget: null,
        noVendorLibs: false,
        rotate: false,
        resizeFit: false,
      },
      ...{ resizeFaceSize: null, cropSize: [40, 40], cropRatio: null, minSize: null, maxSize: null },
      ...{ multipleFaces: false, debug: false, compat: null },
    }, quietContext());
    deepStrictEqual([...Deno.readDirSync(join(dir, "o"))].map(({ name }) => name), [
      "p_0020_0020_0032_0048.png",
    ]);
    Deno.removeSync(dir, { recursive: true });
  }));
