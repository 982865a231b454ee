/** Noise that pictures begin with now and then: of several sizes, or shifted as a whole (gen_img.py of sd-scripts 0.10). */

import { pyramidNoise } from "../../models/noise/pyramid.ts";
import { PythonRandom, type TorchGenerator } from "../../random/mod.ts";
import type { GenImgConfig } from "../groups.ts";

/** How often, and between which numbers the strength is drawn; null: never. */
export interface UncommonNoise {
  readonly pyramid: Chance | null;
  readonly offset: Chance | null;
}

interface Chance {
  readonly probability: number;
  readonly range: readonly [number, number];
}

export function uncommonNoiseOf(
  config: Pick<
    GenImgConfig,
    "pyramidNoiseProb" | "pyramidNoiseDiscountRange" | "noiseOffsetProb" | "noiseOffsetRange"
  >,
): UncommonNoise {
  const chance = (probability: number | null, range: readonly number[] | null): Chance | null =>
    probability === null || range === null ? null : { probability, range: [range[0], range[1]] };
  return {
    pyramid: chance(config.pyramidNoiseProb, config.pyramidNoiseDiscountRange),
    offset: chance(config.noiseOffsetProb, config.noiseOffsetRange),
  };
}

const LEVELS = 6;

/**
 * `noise` (C, h, w), which `torch` has just drawn for a picture, changed where chance wants it. The reference leaves the
 * chance to Python's own generator; here it comes from the picture's seed, so that the same seed is the same picture.
 */
export function withUncommon(
  noise: Float32Array,
  [channels, height, width]: readonly [number, number, number],
  seed: number,
  { pyramid, offset }: UncommonNoise,
  torch: TorchGenerator,
): Float32Array {
  const python = new PythonRandom(seed);
  const within = ([least, most]: Chance["range"], drawn: number) =>
    Math.fround(Math.fround(drawn * Math.fround(most - least)) + Math.fround(least));
  let values = noise;
  if (pyramid && python.random() < pyramid.probability) {
    const discount = within(pyramid.range, torch.rand(1)[0]);
    values = pyramidNoise(values, [1, channels, height, width], LEVELS, discount, torch, python);
  }
  if (offset && python.random() < offset.probability) {
    const shift = within(offset.range, torch.randn(1)[0]);
    values = values.map((x) => x + shift);
  }
  return values;
}
