/** Whole models: probabilities of pictures. */

import { dirname, join } from "node:path";
import { readOnnx } from "../../../src/formats/onnx/onnx_file.ts";
import { OnnxNetwork } from "../../../src/models/onnx/mod.ts";
import { prepareForTagger } from "../../../src/tools/tagging/prepare.ts";
import type { Check, GoldenCase } from "../case.ts";
import { within } from "../compare.ts";
import { goldenDevice } from "../device.ts";
import { stream } from "../synth.ts";
import { taggerPicture } from "./pictures.ts";

export async function checkModel(c: GoldenCase): Promise<Check[]> {
  const { json } = c, path = join(dirname(c.path), json.model_file), device = goldenDevice();
  const network = OnnxNetwork.open(path, device);
  try {
    const batches = await inputs(c, readOnnx(path).inputs[0].shape as number[]);
    const found: number[] = [];
    for (const { values, shape } of batches) found.push(...(await network.run(values, shape)).data);
    const limit = json.tolerance?.probs?.abs ?? 2e-5;
    return [within("probabilities", Float32Array.from(found), c.tensors().f32("probs"), limit)];
  } finally {
    network.close();
    device.close();
  }
}

async function inputs(c: GoldenCase, declared: readonly (number | string)[]) {
  const { json } = c, side = declared[1] as number, size = side * side * 3;
  if (json.x) {
    const [, name, shapeText] = /uniform\('([^']+)'\).*\[([\d,]+)\]/.exec(json.x)!;
    const shape = shapeText.split(",").map(Number), count = shape.reduce((n, d) => n * d, 1);
    return [{ values: Float32Array.from(stream(name, count), (u) => Math.floor((u + 1) * 128)), shape }];
  }
  const each = typeof declared[0] === "number" ? declared[0] : 1, batches = [];
  const pictures = await Promise.all(
    (json.order as string[]).map(async (name) =>
      prepareForTagger(await taggerPicture(c, name, json.pictures[name]), { side, compat: true })
    ),
  );
  for (let i = 0; i < pictures.length; i += each) {
    const values = new Float32Array(each * size);
    pictures.slice(i, i + each).forEach((picture, k) => values.set(picture, k * size));
    batches.push({ values, shape: [each, side, side, 3] });
  }
  return batches;
}
