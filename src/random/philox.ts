/**
 * Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), and the normals that PyTorch
 * makes of it on a CUDA device: the "GPU noise" of other programs.
 */

export type Words4 = readonly [number, number, number, number];

/** Ten rounds: a counter of four 32-bit words and a key of two give four random words. */
export function philox4x32(counter: Words4, key: readonly [number, number]): Words4 {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0), low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const high1 = mulHigh(0xcd9e8d57, c2), low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c1 = low1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * n normals, float32: what torch.randn gives on CUDA, up to the rounding of its log and sin, as long as n fits into one
 * stride of the device's grid. `offset` is 0 after seeding and one more for each call.
 */
export function philoxRandn(seed: number | bigint, n: number, offset = 0): Float32Array<ArrayBuffer> {
  const key = BigInt.asUintN(64, BigInt(seed));
  const words = [Number(key & 0xffffffffn), Number(key >> 32n)] as const;
  return Float32Array.from({ length: n }, (_, i) => {
    const [g0, g1] = philox4x32([offset >>> 0, 0, i, 0], words);
    const u = g0 * 2 ** -32 + 2 ** -33, v = (g1 * 2 ** -32 + 2 ** -33) * 2 * Math.PI;
    return Math.sqrt(-2 * Math.log(u)) * Math.sin(v);
  });
}

/** The high word of a 32 x 32 bit product. */
function mulHigh(a: number, b: number): number {
  const aHigh = a >>> 16, aLow = a & 0xffff, bHigh = b >>> 16, bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2^32
  const carry = (middle & 0xffff) + aLow * bHigh; // below 2^32
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
}
