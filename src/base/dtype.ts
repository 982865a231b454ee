/** Element types of tensors on a device, and the conversions between float32 and the 16-bit floats. */

export type DType = "f32" | "f16" | "bf16" | "i32" | "u8" | "f8";

/** The order is the numbering in the generated C header. */
export const DTYPES: readonly DType[] = ["f32", "f16", "bf16", "i32", "u8", "f8"];

const SIZES: Record<DType, number> = { f32: 4, f16: 2, bf16: 2, i32: 4, u8: 1, f8: 1 };

/** Bytes of one element. */
export function byteSize(dtype: DType): number {
  return SIZES[dtype];
}

/** bfloat16 bits of float32 values, rounded to nearest even; NaN stays NaN. */
export function f32ToBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const b = bits[i];
    if ((b & 0x7fffffff) > 0x7f800000) out[i] = (b >>> 16) | 0x40;
    else out[i] = (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  }
  return out;
}

/** float32 values of bfloat16 bits; exact. */
export function bf16ToF32(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = bits[i] << 16;
  return new Float32Array(out.buffer);
}

/** float8_e4m3fn bits of float32 values, rounded to nearest even; what is above 464 becomes NaN, as in PyTorch. */
export function f32ToF8(values: Float32Array): Uint8Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint8Array.from(bits, (b, i) => {
    const sign = (b >>> 24) & 0x80, magnitude = b & 0x7fffffff;
    if (magnitude > 0x43e80000) return sign | 0x7f;
    if (magnitude < 0x3c800000) return sign | roundToEven(Math.abs(values[i]) * 512); // below 2^-6, in units of 2^-9
    return sign | ((magnitude - 0x3c000000 + 0x7ffff + ((magnitude >>> 20) & 1)) >>> 20);
  });
}

function roundToEven(x: number): number {
  const down = Math.floor(x), rest = x - down;
  return down + (rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? 1 : 0);
}

/** float32 values of float8_e4m3fn bits; exact. */
export function f8ToF32(bits: Uint8Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, (b) => {
    const exponent = (b >> 3) & 15, mantissa = b & 7, sign = b & 0x80 ? -1 : 1;
    if ((b & 0x7f) === 0x7f) return NaN;
    return sign * (exponent === 0 ? mantissa * 2 ** -9 : (1 + mantissa / 8) * 2 ** (exponent - 7));
  });
}

/** IEEE half bits of float32 values, rounded to nearest even; overflow becomes infinity. */
export function f32ToF16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = halfBits(bits[i]);
  return out;
}

function halfBits(b: number): number {
  const sign = (b >>> 16) & 0x8000;
  const magnitude = b & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and above
  if (magnitude < 0x38800000) { // below 2^-14: subnormal, in units of 2^-24
    if (magnitude < 0x33000000) return sign;
    const shift = 126 - (magnitude >>> 23);
    const mantissa = (magnitude & 0x7fffff) | 0x800000;
    const half = mantissa >>> shift;
    const rest = mantissa & ((1 << shift) - 1);
    const tie = 1 << (shift - 1);
    return sign | (half + (rest > tie || (rest === tie && (half & 1)) ? 1 : 0));
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** All 65,536 halves as float32, built on first use: reading a checkpoint is then one look-up an element. */
let halves: Float32Array | undefined;

function halfTable(): Float32Array {
  const table = new Float32Array(65536);
  for (let i = 0; i < 65536; i++) {
    const exponent = (i >>> 10) & 31, mantissa = i & 1023;
    const magnitude = exponent === 0
      ? mantissa * 2 ** -24
      : exponent === 31
      ? (mantissa ? NaN : Infinity)
      : (1 + mantissa / 1024) * 2 ** (exponent - 15);
    table[i] = i & 0x8000 ? -magnitude : magnitude;
  }
  return table;
}

/** float32 values of IEEE half bits; exact. */
export function f16ToF32(bits: Uint16Array): Float32Array {
  const table = halves ??= halfTable();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = table[bits[i]];
  return out;
}
