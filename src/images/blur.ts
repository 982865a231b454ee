/** Gaussian blur of a plane of numbers. */

/** `plane` is (height, width); edges are repeated, the kernel reaches three sigmas. */
export function gaussianBlur(
  plane: Float32Array,
  width: number,
  height: number,
  sigma: number,
): Float32Array {
  const radius = Math.max(1, Math.ceil(3 * sigma));
  const kernel = Float64Array.from(
    { length: 2 * radius + 1 },
    (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const total = kernel.reduce((a, b) => a + b),
    near = (x: number, size: number) => Math.min(size - 1, Math.max(0, x));
  const across = new Float32Array(plane.length), out = new Float32Array(plane.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) {
        sum += kernel[k + radius] * plane[y * width + near(x + k, width)];
      }
      across[y * width + x] = sum / total;
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) {
        sum += kernel[k + radius] * across[near(y + k, height) * width + x];
      }
      out[y * width + x] = sum / total;
    }
  }
  return out;
}
