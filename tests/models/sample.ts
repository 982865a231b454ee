/** The smallest whole checkpoints, for tests: shapes alone, or a file of zeros. */

import {
  clipLShapes,
  openClipShapes,
  under,
  UNET,
  type UnetConfig,
  unetShapes,
  VAE,
  vaeShapes,
} from "../../src/models/mod.ts";
import { family, type FamilyName } from "../golden/synth_models.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";

export const SMALL_UNET: Record<FamilyName, UnetConfig> = {
  sd1: unetOf([32, 32], [1, 0], 32, 0, false),
  sd2: unetOf([64, 64], [1, 0], 64, 0, true),
  sdxl: unetOf([64, 64], [0, 2], 128, 64 + 6 * 256, true),
};

function unetOf(
  channels: number[],
  depths: number[],
  contextWidth: number,
  vectorWidth: number,
  linearProjection: boolean,
): UnetConfig {
  return {
    inChannels: 4,
    outChannels: 4,
    channels,
    resBlocks: 1,
    depths,
    middleDepth: 1,
    contextWidth,
    linearProjection,
    vectorWidth,
  };
}

export const SMALL_VAE = { channels: [32, 32], resBlocks: 1, latentChannels: 4, linearAttention: false };

/** All keys and shapes of a checkpoint. */
export function smallCheckpoint(name: FamilyName): Map<string, readonly number[]> {
  const width = name === "sd1" ? 32 : 64;
  const parts = [under(`${UNET}.`, unetShapes(SMALL_UNET[name])), under(`${VAE}.`, vaeShapes(SMALL_VAE))];
  for (const { scope, layout } of family(name).textEncoders) {
    const make = layout === "clip_l" ? clipLShapes : openClipShapes;
    parts.push(under(
      `${scope}.`,
      make({
        layout,
        width,
        layers: 2,
        inner: 2 * width,
        vocabulary: 100,
        positions: 77,
        projection: name === "sdxl" && layout === "open_clip" ? 64 : 0,
      }),
    ));
  }
  return new Map(parts.flatMap((part) => [...part]));
}

/** A file with these tensors; `value` fills each, float16. */
export function writeCheckpoint(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  bits = 0,
): void {
  writeSafetensors(
    path,
    [...shapes].map(([name, shape]) => ({
      name,
      dtype: "F16",
      shape: [...shape],
      data: () => new Uint8Array(Uint16Array.from({ length: count(shape) }, () => bits).buffer),
    })),
  );
}

function count(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
