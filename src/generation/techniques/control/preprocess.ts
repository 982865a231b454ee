/**
 * What a ControlNet is shown of a guide picture: `canny` as gen_img.py has it, the others by filters that need no model. A
 * name may be followed by numbers: canny_100_200.
 */

import { UsageError } from "../../../base/errors.ts";
import { listed } from "../../../base/phrases.ts";
import { gaussianBlur } from "../../../images/blur.ts";
import { canny, grey } from "../../../images/canny.ts";
import type { Pixels } from "../../../images/pixels.ts";
import { resizePillow } from "../../../images/resampling/pillow.ts";

export type Preprocess = (picture: Pixels) => Pixels;

/**
 * A preprocessor of so many numbers, by default `numbers`; each is at least 0, or above it where `above` says so, and at
 * most `most`.
 */
interface Preprocessor {
  readonly numbers: readonly number[];
  readonly above?: boolean;
  readonly most?: number;
  make(...numbers: number[]): Preprocess;
}

/** Pixels: a wider blur takes minutes and is of no use. */
const WIDEST = 200;

const PREPROCESSORS: Readonly<Record<string, Preprocessor>> = {
  none: { numbers: [], make: () => (picture) => picture },
  // the thresholds of gen_img.py
  canny: {
    numbers: [63, 191],
    make: (low, high) => (picture) => {
      const { width, height } = picture;
      return ofGrey(picture, canny(grey(picture), width, height, low, high));
    },
  },
  invert: {
    numbers: [],
    make: () => (picture) => ({ ...picture, data: picture.data.map((x) => 255 - x) }),
  },
  blur: { numbers: [9], above: true, most: WIDEST, make: (sigma) => (picture) => blurred(picture, sigma) },
  tile: {
    numbers: [8],
    above: true,
    make: (factor) => (picture) => coarse(picture, factor),
  },
  lineart: { numbers: [6], above: true, most: WIDEST, make: (sigma) => (picture) => lines(picture, sigma) },
  softedge: { numbers: [1], above: true, most: WIDEST, make: (sigma) => (picture) => slopes(picture, sigma) },
  scribble: { numbers: [16], make: (threshold) => (picture) => scribbled(picture, threshold) },
};

/** Reads "canny_63_191". Throws UsageError for a name or numbers that are none. */
export function preprocessNamed(text: string): Preprocess {
  const [name, ...words] = text.toLowerCase().split("_"), found = PREPROCESSORS[name];
  if (!Object.hasOwn(PREPROCESSORS, name)) {
    throw new UsageError(
      `--control_net_preps ${text}: there are ${listed(Object.keys(PREPROCESSORS))}; give one of them`,
    );
  }
  const given = words.map((word) => word === "" ? NaN : Number(word)), { most = Infinity } = found;
  const wrong = given.length > found.numbers.length ||
    given.some((x) => !Number.isFinite(x) || x < 0 || x > most || (found.above && x === 0));
  if (wrong) {
    const like = [name, ...found.numbers].join("_");
    const range = (found.above ? "above 0" : "of at least 0") + (most < Infinity ? ` and up to ${most}` : "");
    throw new UsageError(
      `--control_net_preps ${text}: ${name} takes ${
        found.numbers.length ? `numbers ${range}` : "no numbers"
      }, as in ${like}`,
    );
  }
  return found.make(...found.numbers.map((standard, i) => given[i] ?? standard));
}

function ofGrey({ width, height }: Pixels, values: ArrayLike<number>): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data.fill(Math.min(255, Math.max(0, Math.round(values[i]))), 3 * i, 3 * i + 3);
  }
  return { width, height, channels: 3, data };
}

function planes({ channels, data, width, height }: Pixels): Float32Array[] {
  return [0, 1, 2].map((c) =>
    Float32Array.from({ length: width * height }, (_, i) => data[i * channels + c])
  );
}

function blurred(picture: Pixels, sigma: number): Pixels {
  const { width, height } = picture;
  const soft = planes(picture).map((plane) => gaussianBlur(plane, width, height, sigma));
  const data = Uint8Array.from(
    { length: 3 * width * height },
    (_, i) => Math.round(soft[i % 3][Math.floor(i / 3)]),
  );
  return { width, height, channels: 3, data };
}

/** What is left of a picture when it was so many times smaller. */
function coarse(picture: Pixels, factor: number): Pixels {
  const { width, height } = picture, side = (pixels: number) => Math.max(1, Math.round(pixels / factor));
  return resizePillow(resizePillow(picture, side(width), side(height), "lanczos"), width, height, "lanczos");
}

/** How much darker than its surroundings each pixel is, white on black: "lineart_standard" of the ControlNet extension. */
function lines(picture: Pixels, sigma: number): Pixels {
  const { width, height } = picture;
  const all = planes(picture), soft = all.map((plane) => gaussianBlur(plane, width, height, sigma));
  const darker = all[0].map((_, i) => Math.max(0, Math.min(...[0, 1, 2].map((c) => soft[c][i] - all[c][i]))));
  const strong = darker.filter((x) => x > 8).sort(), median = strong.length ? strong[strong.length >> 1] : 0;
  return ofGrey(picture, darker.map((x) => x / Math.max(16, median) * 127));
}

/** Steepness (3x3 Sobel) of the softened picture, the steepest white. */
function slopes(picture: Pixels, sigma: number): Pixels {
  const { width, height } = picture;
  const plane = gaussianBlur(Float32Array.from(grey(picture)), width, height, sigma);
  const at = (x: number, y: number) =>
    plane[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))];
  const steep = plane.map((_, i) => {
    const x = i % width, y = Math.floor(i / width);
    const across = (dy: number) => at(x + 1, y + dy) - at(x - 1, y + dy);
    const down = (dx: number) => at(x + dx, y + 1) - at(x + dx, y - 1);
    return Math.hypot(across(-1) + 2 * across(0) + across(1), down(-1) + 2 * down(0) + down(1));
  });
  // less than a step of one grey level everywhere is no edge
  const most = steep.reduce((a, b) => Math.max(a, b), 8);
  return ofGrey(picture, steep.map((x) => x / most * 255));
}

/** White strokes where the difference of two softened pictures is above a threshold: "scribble_xdog" of the extension. */
function scribbled(picture: Pixels, threshold: number): Pixels {
  const { width, height } = picture, all = planes(picture);
  const fine = all.map((plane) => gaussianBlur(plane, width, height, 0.5));
  const wide = all.map((plane) => gaussianBlur(plane, width, height, 5));
  return ofGrey(
    picture,
    all[0].map((_, i) => Math.min(...[0, 1, 2].map((c) => wide[c][i] - fine[c][i])) > threshold ? 255 : 0),
  );
}
