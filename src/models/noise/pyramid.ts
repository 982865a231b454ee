/** Pyramid noise: random fields of several sizes, one over the other (wandb.ai/johnowhitaker, "multi-resolution noise"). */

import type { PythonRandom, TorchGenerator } from "../../random/mod.ts";

/**
 * Noise (N, C, H, W) with coarser and coarser noise added, each level `discount` times weaker, then scaled back to unit
 * variance; sd-scripts' pyramid_noise_like.
 */
export function pyramidNoise(
  noise: Float32Array,
  [n, c, h, w]: readonly [n: number, c: number, h: number, w: number],
  iterations: number,
  discount: number,
  torch: TorchGenerator,
  python: PythonRandom,
): Float32Array {
  const total = noise.slice();
  for (let level = 0; level < iterations; level++) {
    const ratio = python.random() * 2 + 2;
    const height = Math.max(1, Math.trunc(h / ratio ** level));
    const width = Math.max(1, Math.trunc(w / ratio ** level));
    const coarse = torch.randn(n * c * height * width);
    for (let plane = 0; plane < n * c; plane++) {
      const source = coarse.subarray(plane * height * width, (plane + 1) * height * width);
      addBilinear(
        total.subarray(plane * h * w, (plane + 1) * h * w),
        h,
        w,
        source,
        height,
        width,
        discount ** level,
      );
    }
    if (height === 1 || width === 1) break;
  }
  let sum = 0, squares = 0;
  for (const x of total) sum += x;
  const mean = sum / total.length;
  for (const x of total) squares += (x - mean) ** 2;
  const deviation = Math.fround(Math.sqrt(squares / (total.length - 1)));
  return total.map((x) => x / deviation);
}

/** out (H, W) += scale * source (h, w) stretched bilinearly, pixel centres aligned (align_corners=False). */
function addBilinear(
  out: Float32Array,
  H: number,
  W: number,
  source: Float32Array,
  h: number,
  w: number,
  scale: number,
): void {
  const taps = (i: number, from: number, to: number) => {
    const at = Math.max(0, (i + 0.5) * from / to - 0.5);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, from - 1), share: at - low };
  };
  const columns = Array.from({ length: W }, (_, x) => taps(x, w, W));
  for (let y = 0; y < H; y++) {
    const row = taps(y, h, H);
    for (let x = 0; x < W; x++) {
      const { low, high, share } = columns[x];
      const at = (r: number) => source[r * w + low] * (1 - share) + source[r * w + high] * share;
      out[y * W + x] += scale * Math.fround(at(row.low) * (1 - row.share) + at(row.high) * row.share);
    }
  }
}
