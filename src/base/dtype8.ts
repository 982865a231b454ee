/** float32 to the 8-bit floats of checkpoints, rounded to nearest even. */

/** float8_e4m3fn: has no infinity; what is beyond 448 becomes 448, as in PyTorch since 2.13. */
export function f32ToE4m3(values: Float32Array): Uint8Array {
  return rounded(values, { mantissa: 3, bias: 7, largest: 0x7e, infinity: 0x7e });
}

/** float8_e5m2: the high byte of an IEEE half; what rounds beyond 57344 becomes infinity. */
export function f32ToE5m2(values: Float32Array): Uint8Array {
  return rounded(values, { mantissa: 2, bias: 15, largest: 0x7b, infinity: 0x7c });
}

interface Form {
  readonly mantissa: number;
  readonly bias: number;
  /** Bits of the largest number. */
  readonly largest: number;
  /** Bits of what is beyond it. */
  readonly infinity: number;
}

function rounded(values: Float32Array, form: Form): Uint8Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint8Array.from(values, (value, i) => (bits[i] >>> 31) << 7 | magnitudeOf(Math.abs(value), form));
}

function magnitudeOf(value: number, { mantissa, bias, largest, infinity }: Form): number {
  if (Number.isNaN(value)) return 0x7f;
  if (value === Infinity) return infinity;
  // in units of the smallest subnormal, or of the last place of numbers as large as this
  const exponent = value === 0 ? 1 - bias : Math.max(Math.floor(Math.log2(value)), 1 - bias);
  const units = evenly(value * 2 ** (mantissa - exponent));
  const code = units + ((exponent + bias - 1) << mantissa);
  return code > largest ? infinity : code;
}

/** To the nearest whole number, halves to the even one. */
function evenly(x: number): number {
  const low = Math.floor(x), rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}
