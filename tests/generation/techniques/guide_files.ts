/** Small models of guidance as files: CLIP with both towers, and a narrow VGG16. */

import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import { clipLShapes } from "../../../src/models/mod.ts";
import { synthTensor } from "../../golden/synth.ts";
import { visionShapes } from "../../golden/topics/pipeline/vision.ts";

const VISION = {
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  image_size: 32,
  patch_size: 16,
  projection_dim: 48,
};

function write(path: string, shapes: Iterable<[string, readonly number[]]>): string {
  writeSafetensors(
    path,
    [...shapes].map(([name, shape]) => ({
      name,
      dtype: "F32",
      shape: [...shape],
      data: new Uint8Array(synthTensor(name, shape).buffer),
    })),
  );
  return path;
}

export function writeClip(path: string): string {
  const text = clipLShapes({
    layout: "clip_l",
    ...{ width: 64, layers: 2, inner: 128, vocabulary: 49408, positions: 77, projection: 0 },
  });
  return write(path, [
    ...visionShapes(VISION),
    ...[...text].map(([name, shape]): [string, number[]] => [`text_model.${name}`, shape]),
    ["text_projection.weight", [VISION.projection_dim, 64]],
  ]);
}

export function writeVgg16(path: string, width = 6): string {
  const convolutions = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
  return write(
    path,
    convolutions.flatMap((i): [string, number[]][] => [
      [`features.${i}.weight`, [width, i === 0 ? 3 : width, 3, 3]],
      [`features.${i}.bias`, [width]],
    ]),
  );
}
