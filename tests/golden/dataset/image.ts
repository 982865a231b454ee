/** One image from its file to training pixels: bucket, resampling, cut, flip, mask. */

import { dirname, join } from "node:path";
import { type BucketRules, Buckets } from "../../../src/data/batches/buckets.ts";
import { loadImage } from "../../../src/images/load.ts";
import { dropAlpha, type Pixels } from "../../../src/images/pixels.ts";
import { alphaMask, fit, type Fitted, writeNormalized } from "../../../src/data/batches/prepare.ts";
import { PythonRandom } from "../../../src/random/mod.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact, within } from "../compare.ts";

export async function checkImage(c: GoldenCase): Promise<Check[]> {
  const { json } = c, tensors = c.tensors();
  const image = await loadImage(join(dirname(c.path), json.file), { alpha: json.alpha_mask, compat: true });
  const steps: number = json.tolerance?.u8 ?? 0;
  const checks = [exact("size", [image.width, image.height], json.size)];
  for (const wanted of json.cases) {
    const prefix = wanted.no_upscale ? "noup." : "";
    const rules: BucketRules = {
      ...{ noUpscale: wanted.no_upscale, resolution: json.max_reso, steps: json.steps },
      ...{ minSize: json.min_size, maxSize: json.max_size },
    };
    const { bucket, resized } = Buckets.byRules(rules).place(image.width, image.height);
    const fitted = fit(image, bucket, resized);
    checks.push(
      exact(`${prefix}bucket`, bucket, wanted.bucket),
      exact(`${prefix}resized`, resized, wanted.resized),
      exact(`${prefix}original_size`, fitted.originalSize, wanted.original_size),
      exact(`${prefix}crop_ltrb`, fitted.cropBox, wanted.crop_ltrb),
      exact(`${prefix}flipped_crop_left`, bucket[0] - fitted.cropBox[2], wanted.flipped_crop_left),
    );
    const results: Record<string, [ArrayLike<number>, number]> = {
      [`${prefix}image_u8`]: [dropAlpha(fitted.image).data, steps],
      [`${prefix}image`]: [channelsFirst(fitted.image), steps * 2 / 255 + 1e-6],
      [`${prefix}alpha_mask`]: [alphaMask(fitted.image), steps / 255 + 1e-7],
    };
    for (const [name, [values, limit]] of Object.entries(results)) {
      if (tensors.keys().includes(name)) checks.push(within(name, values, tensors.f32(name), limit));
    }
    for (const name of wanted.no_upscale ? [] : tensors.keys()) {
      const seed = /^random_crop_seed(\d+)_u8$/.exec(name)?.[1];
      if (!seed) continue;
      const cut = randomCut(image, bucket, resized, Number(seed));
      checks.push(within(name, dropAlpha(cut.image).data, tensors.f32(name), steps));
    }
  }
  return checks;
}

function randomCut(
  image: Pixels,
  bucket: readonly [number, number],
  resized: readonly [number, number],
  seed: number,
): Fitted {
  const random = new PythonRandom(seed);
  const draw = (extra: number) => extra > 0 ? random.randint(0, extra) : null;
  const left = draw(resized[0] - bucket[0]);
  return fit(image, bucket, resized, left, draw(resized[1] - bucket[1]));
}

/** The training pixels in the reference's order. */
function channelsFirst(image: Pixels): Float32Array {
  const plane = image.width * image.height, pixels = new Float32Array(plane * 3);
  writeNormalized(image, pixels, 0);
  return pixels.map((_, i) => pixels[(i % plane) * 3 + Math.floor(i / plane)]);
}
