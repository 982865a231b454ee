/** The random numbers that pictures are drawn from. */

import { joined } from "../../base/joined.ts";
import { toChannelsLast } from "../../base/layout.ts";
import { TorchGenerator } from "../../random/mod.ts";
import type { PictureRequest } from "../prompts/requests.ts";
import { type UncommonNoise, withUncommon } from "./uncommon_noise.ts";
import type { LatentShape } from "../../models/mod.ts";

/**
 * The random numbers of a batch, in gen_img.py's order: for each picture from its own seed the start and what is done to
 * it, then one draw for each step that is never used, then the noise for image to image. What samplers draw follows the last picture's.
 */
export function drawNoise(
  requests: readonly PictureRequest[],
  shape: LatentShape,
  { ahead, imageToImage, uncommon }: { ahead: number; imageToImage: boolean; uncommon?: UncommonNoise },
) {
  const one = { ...shape, batch: 1 };
  const generator = new TorchGenerator(0);
  const starts: Float32Array[] = [], imageNoises: Float32Array[] = [];
  requests.forEach(({ seed }, i) => {
    generator.manualSeed(seed);
    const { channels, height, width } = one, drawn = generator.randn(channels * height * width);
    const start = uncommon
      ? withUncommon(drawn, [channels, height, width], seed, uncommon, generator)
      : drawn;
    starts.push(toChannelsLast(start, 1, channels));
    if (!imageToImage && i + 1 < requests.length) return;
    for (let step = 0; step < ahead; step++) generator.randn(one.channels * one.height * one.width);
    if (imageToImage) imageNoises.push(noise(generator, one));
  });
  return {
    start: joined(Float32Array, starts),
    imageNoise: imageToImage ? joined(Float32Array, imageNoises) : null,
    generator,
  };
}

/** randn(N, C, h, w), channels last. */
export function noise(
  generator: TorchGenerator,
  { batch, channels, height, width }: LatentShape,
): Float32Array {
  return toChannelsLast(generator.randn(batch * channels * height * width), batch, channels);
}
