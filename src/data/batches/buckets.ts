/**
 * Aspect-ratio buckets: which training size an image gets, and what is cut off. The arithmetic, float divisions
 * included, is that of sd-scripts 0.9.1 (library/train_util.py, BucketManager).
 */

import { UserError } from "../../base/errors.ts";
import { HOW_TO_LIFT, limit } from "../../base/limits.ts";

/** (width, height) in pixels. */
export type Size = readonly [number, number];
/** left, top, right, bottom in bucket pixels, not rounded. */
export type CropBox = readonly [number, number, number, number];

export interface BucketRules {
  /** Never enlarge: buckets follow the images instead of a fixed list. */
  readonly noUpscale: boolean;
  /** Its area is what every bucket may have at most. */
  readonly resolution: Size;
  readonly minSize: number;
  readonly maxSize: number;
  readonly steps: number;
}

/** Where an image goes: scaled to `resized`, cut to `bucket`. */
export interface Placement {
  readonly bucket: Size;
  readonly resized: Size;
  /** Aspect ratio of the bucket minus that of the image. */
  readonly aspectError: number;
}

export function bySize(a: Size, b: Size): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** All bucket sizes of the fixed list, sorted by width, then height. */
export function bucketResolutions(resolution: Size, minSize: number, maxSize: number, steps: number): Size[] {
  const area = resolution[0] * resolution[1];
  const found = new Map<string, Size>();
  const add = (width: number, height: number) => found.set(`${width}x${height}`, [width, height]);
  const square = Math.floor(Math.sqrt(area) / steps) * steps;
  add(square, square);
  for (let width = minSize; width <= maxSize; width += steps) {
    const height = Math.min(maxSize, Math.floor(Math.floor(area / width) / steps) * steps);
    if (height < minSize) continue;
    add(width, height);
    add(height, width);
  }
  return [...found.values()].sort(bySize);
}

/** Places an image among given sizes: that of its own size, else the nearest aspect ratio, the first of equals. */
export function placeAmong(sizes: readonly Size[], width: number, height: number): Placement {
  const aspect = width / height;
  let bucket = sizes.find(([w, h]) => w === width && h === height);
  if (!bucket) {
    let best = Infinity;
    for (const size of sizes) {
      const error = Math.abs(size[0] / size[1] - aspect);
      if (error < best) [best, bucket] = [error, size];
    }
  }
  if (!bucket) throw new RangeError("there are no bucket sizes to choose from");
  const bucketAspect = bucket[0] / bucket[1];
  const scale = aspect > bucketAspect ? bucket[1] / height : bucket[0] / width;
  const resized: Size = [Math.floor(width * scale + 0.5), Math.floor(height * scale + 0.5)];
  return { bucket, resized, aspectError: bucketAspect - aspect };
}

/** Places an image without ever enlarging it. A side of the bucket can come out as 0: the image is too small. */
export function placeWithoutUpscale(rules: BucketRules, width: number, height: number): Placement {
  const { steps } = rules, aspect = width / height;
  const area = rules.resolution[0] * rules.resolution[1];
  let resized: Size = [width, height];
  if (width * height > area) {
    const exactWidth = Math.sqrt(area * aspect), exactHeight = area / exactWidth;
    const byWidth = roundToSteps(exactWidth, steps);
    const widthError = Math.abs(byWidth / roundToSteps(byWidth / aspect, steps) - aspect);
    const byHeight = roundToSteps(exactHeight, steps);
    const heightError = Math.abs(roundToSteps(byHeight * aspect, steps) / byHeight - aspect);
    resized = widthError < heightError
      ? [byWidth, Math.floor(byWidth / aspect + 0.5)]
      : [Math.floor(byHeight * aspect + 0.5), byHeight];
  }
  const bucket: Size = [resized[0] - resized[0] % steps, resized[1] - resized[1] % steps];
  return { bucket, resized, aspectError: bucket[0] / bucket[1] - aspect };
}

function roundToSteps(x: number, steps: number): number {
  const rounded = Math.floor(x + 0.5);
  return rounded - rounded % steps;
}

/** What SDXL is told about the cut: where the image would lie, scaled to touch the bucket from inside. */
export function cropBox(bucket: Size, image: Size): CropBox {
  const bucketAspect = bucket[0] / bucket[1], imageAspect = image[0] / image[1];
  const wide = bucketAspect > imageAspect;
  const width = wide ? bucket[1] * imageAspect : bucket[0];
  const height = wide ? bucket[1] : bucket[0] / imageAspect;
  const left = Math.floor((bucket[0] - width) / 2), top = Math.floor((bucket[1] - height) / 2);
  return [left, top, left + width, top + height];
}

/** Widths that a list of buckets may go through. */
const MAX_STEPS = 10_000;

/** Brings the limits to multiples of the step; throws UserError when the resolution lies outside them. */
export function adjustLimits(rules: BucketRules): BucketRules {
  const { steps, resolution } = rules;
  if (steps < 1) throw new UserError(`bucket_reso_steps is ${steps}; it must be at least 1`);
  const minSize = rules.minSize - rules.minSize % steps;
  const over = rules.maxSize % steps;
  const maxSize = over ? rules.maxSize + steps - over : rules.maxSize;
  if ((maxSize - minSize) / steps > limit(MAX_STEPS)) {
    throw new UserError(
      `min_bucket_reso ${minSize} to max_bucket_reso ${maxSize} in steps of ${steps} are too many buckets; ` +
        `raise bucket_reso_steps, or ${HOW_TO_LIFT}`,
    );
  }
  if (minSize < 1) {
    throw new UserError(`min_bucket_reso ${rules.minSize} is below bucket_reso_steps ${steps}; raise it`);
  }
  if (Math.min(...resolution) < minSize) {
    throw new UserError(
      `min_bucket_reso ${minSize} is larger than resolution ${
        resolution.join("x")
      }; lower it or raise resolution`,
    );
  }
  if (Math.max(...resolution) > maxSize) {
    throw new UserError(
      `max_bucket_reso ${maxSize} is smaller than resolution ${
        resolution.join("x")
      }; raise it or lower resolution`,
    );
  }
  return { ...rules, minSize, maxSize };
}

/** Fills buckets: place() remembers every size that was used, sorted() lists them. */
export class Buckets {
  readonly #used = new Map<string, Size>();
  readonly #place: (width: number, height: number) => Placement;

  private constructor(place: (width: number, height: number) => Placement) {
    this.#place = place;
  }

  /** Buckets by rule. */
  static byRules(rules: BucketRules): Buckets {
    if (rules.noUpscale) return new Buckets((w, h) => placeWithoutUpscale(rules, w, h));
    const sizes = bucketResolutions(rules.resolution, rules.minSize, rules.maxSize, rules.steps);
    return new Buckets((w, h) => placeAmong(sizes, w, h));
  }

  /** Buckets of given sizes only. */
  static among(sizes: readonly Size[]): Buckets {
    return new Buckets((w, h) => placeAmong(sizes, w, h));
  }

  place(width: number, height: number): Placement {
    const placement = this.#place(width, height);
    const key = placement.bucket.join("x");
    if (!this.#used.has(key)) this.#used.set(key, placement.bucket);
    return placement;
  }

  /** Sizes in the order of their first use. */
  used(): Size[] {
    return [...this.#used.values()];
  }

  sorted(): Size[] {
    return this.used().sort(bySize);
  }
}
