/**
 * Random masks to train inpainting with, of the kinds that sd-scripts 0.11 draws (library/mask_generator.py): clouds, polygons,
 * rectangles and ellipses. The numbers are our own.
 */

import type { PythonRandom } from "../random/mod.ts";

/** Shares of the picture that a polygon or a box covers, about. */
const LEAST = 0.1, MOST = 0.6;

type Drawn = (width: number, height: number, random: PythonRandom) => Uint8Array<ArrayBuffer>;

/** (height, width): 1 where the picture is hidden, else 0. */
export const randomMask: Drawn = (width, height, random) => {
  const kind = random.random();
  if (kind >= 0.4) return (kind < 0.75 ? polygons : box)(width, height, random);
  const mask = cloud(width, height, random);
  if (random.random() >= 1 / 3) return mask;
  const more = (random.random() < 0.5 ? polygons : box)(width, height, random);
  return mask.map((x, i) => x | more[i]);
};

/** The highest 10 to 30 percent of smooth noise, in grids of 16 pixels to 128. */
const cloud: Drawn = (width, height, random) => {
  const share = random.uniform(0.1, 0.3), sum = new Float32Array(width * height);
  for (let octave = 0; octave < 4; octave++) {
    addNoise(sum, width, height, 16 << octave, 0.5 ** octave, random);
  }
  const cutoff = sum.toSorted()[Math.floor((1 - share) * sum.length)];
  return Uint8Array.from(sum, (x) => Number(x >= cutoff));
};

/** Random values on a grid, and bilinear ones between. */
function addNoise(
  sum: Float32Array,
  width: number,
  height: number,
  grid: number,
  amplitude: number,
  random: PythonRandom,
): void {
  const columns = Math.max(2, Math.floor(width / grid)), rows = Math.max(2, Math.floor(height / grid));
  const values = Float32Array.from({ length: columns * rows }, () => random.random());
  for (let y = 0; y < height; y++) {
    const v = y / height * (rows - 1), top = Math.floor(v);
    for (let x = 0; x < width; x++) {
      const u = x / width * (columns - 1), left = Math.floor(u), at = top * columns + left;
      const row = (i: number) => values[i] + (values[i + 1] - values[i]) * (u - left);
      const upper = row(at);
      sum[y * width + x] += amplitude * (upper + (row(at + columns) - upper) * (v - top));
    }
  }
}

/** One or two of six corners, which lie around a middle. */
const polygons: Drawn = (width, height, random) => {
  const mask = new Uint8Array(width * height),
    radius = (share: number) => Math.sqrt(share * mask.length / Math.PI);
  for (let left = random.randint(1, 2); left > 0; left--) {
    const r = random.uniform(radius(LEAST), radius(MOST));
    const x = random.uniform(0.2 * r, width - 0.2 * r), y = random.uniform(0.2 * r, height - 0.2 * r);
    const angles = Array.from({ length: 6 }, () => random.uniform(0, 2 * Math.PI)).sort((a, b) => a - b);
    const corners = angles.map((angle) => {
      const length = r * random.uniform(0.6, 1);
      return [x + length * Math.cos(angle), y + length * Math.sin(angle)] as const;
    });
    fill(mask, width, (px, py) => inside(corners, px, py));
  }
  return mask;
};

/** Even-odd: a ray to the right crosses the border an odd number of times. */
function inside(corners: readonly (readonly [number, number])[], x: number, y: number): boolean {
  let odd = false;
  corners.forEach(([x1, y1], i) => {
    const [x0, y0] = corners.at(i - 1)!;
    if (y0 > y !== y1 > y && x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)) odd = !odd;
  });
  return odd;
}

/** A rectangle or an ellipse. */
const box: Drawn = (width, height, random) => {
  const side = (whole: number) => Math.round(whole * Math.sqrt(random.uniform(LEAST, MOST)));
  const w = side(width), h = side(height);
  const left = random.randint(0, width - w), top = random.randint(0, height - h);
  const round = random.random() < 0.5, mask = new Uint8Array(width * height);
  fill(mask, width, (x, y) => {
    const [u, v] = [2 * (x - left) / w - 1, 2 * (y - top) / h - 1];
    return round ? u * u + v * v < 1 : Math.abs(u) < 1 && Math.abs(v) < 1;
  });
  return mask;
};

/** Ones where `holds` for the middle of a pixel. */
function fill(mask: Uint8Array, width: number, holds: (x: number, y: number) => boolean): void {
  mask.forEach((_, i) => {
    if (holds(i % width + 0.5, Math.floor(i / width) + 0.5)) mask[i] = 1;
  });
}
