/** NaN and infinity among the values of a file: nothing that holds one is read or written as a weight. */

import { UserError } from "./errors.ts";

/** By a file's dtype: bytes of an element, and the bits that are all set in infinities and NaNs only. */
const EXPONENTS: Readonly<Record<string, readonly [bytes: 1 | 2 | 4, exponent: number]>> = {
  F32: [4, 0x7f800000],
  F16: [2, 0x7c00],
  BF16: [2, 0x7f80],
  F8_E5M2: [1, 0x7c],
  F8_E4M3: [1, 0x7f], // has no infinity, and NaN where everything is set
};

/** Index of the first element of packed little-endian bytes that is no finite number; -1 for none, and for integers. */
export function firstNotFinite(dtype: string, data: Uint8Array): number {
  const { buffer, byteOffset, byteLength } = data.byteOffset % 8 === 0 ? data : data.slice();
  if (dtype === "F64") {
    return new Float64Array(buffer, byteOffset, byteLength / 8).findIndex((x) => !Number.isFinite(x));
  }
  const kind = EXPONENTS[dtype];
  if (!kind) return -1;
  const [bytes, exponent] = kind;
  if (bytes === 4) return firstFilled(new Uint32Array(buffer, byteOffset, byteLength / 4), exponent);
  if (bytes === 2) return firstFilled(new Uint16Array(buffer, byteOffset, byteLength / 2), exponent);
  return firstFilled(new Uint8Array(buffer, byteOffset, byteLength), exponent);
}

function firstFilled(bits: Uint8Array | Uint16Array | Uint32Array, exponent: number): number {
  const last = bits.length;
  for (let i = 0; i < last; i++) if ((bits[i] & exponent) === exponent) return i;
  return -1;
}

/** "NaN at 17". */
export function foundText(value: number, index: number): string {
  return `${Number.isNaN(value) ? "NaN" : value < 0 ? "-inf" : "inf"} at ${index}`;
}

/** The error for a file that holds such a value; `found` is "NaN at 17". */
export function notFinite(path: string, key: string, found: string): UserError {
  return new UserError(
    `${path}: ${key} holds ${found}, finite numbers are wanted; the file is damaged or of a training that diverged, use another`,
  );
}
