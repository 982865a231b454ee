/** Synthetic weights and inputs: every value is a function of the tensor's name and the element's row-major index. */

let crcTable: Uint32Array | undefined;

/** CRC-32 (IEEE 802.3) of a string's UTF-8 bytes. */
export function crc32(text: string): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function mix32(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** u(name, i) for i in [0, n), float64 in [-1, 1). */
export function stream(name: string, n: number): Float64Array {
  const start = crc32(name);
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) out[i] = mix32((start + i) | 0) * 2 / 2 ** 32 - 1;
  return out;
}

/** float32(scale * u(name, i)): an input tensor. */
export function uniform(name: string, n: number, scale = 1): Float32Array {
  const start = crc32(name);
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) out[i] = scale * (mix32((start + i) | 0) * 2 / 2 ** 32 - 1);
  return out;
}

/** The weight of that key and shape, float32. Rank 0 and 1 are biases unless the name ends in "weight" (a norm's gain). */
export function synthTensor(key: string, shape: readonly number[]): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  const { centre, scale } = distribution(key, shape, size);
  const start = crc32(key);
  const out = new Float32Array(size);
  for (let i = 0; i < size; i++) out[i] = centre + scale * (mix32((start + i) | 0) * 2 / 2 ** 32 - 1);
  return out;
}

function distribution(
  key: string,
  shape: readonly number[],
  size: number,
): { centre: number; scale: number } {
  if (shape.length === 1 && key.endsWith("weight")) return { centre: 1, scale: 0.1 };
  if (shape.length < 2) return { centre: 0, scale: 0.02 };
  if (shape.length === 2 && key.includes("embedding") && key.endsWith("weight")) {
    return { centre: 0, scale: 0.05 };
  }
  return { centre: 0, scale: Math.sqrt(3 / (size / shape[0])) };
}
