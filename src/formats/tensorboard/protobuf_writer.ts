/** Writing Protocol Buffers' wire format: a field by its number (https://protobuf.dev/programming-guides/encoding). */

import { joined } from "../../base/joined.ts";

export function integer(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field << 3), ...varint(value)]);
}

/** A 64-bit float. */
export function double(field: number, value: number): Uint8Array {
  return joined(Uint8Array, [
    Uint8Array.from(varint(field << 3 | 1)),
    new Uint8Array(Float64Array.of(value).buffer),
  ]);
}

export function textField(field: number, value: string): Uint8Array {
  return bytesField(field, new TextEncoder().encode(value));
}

export function message(field: number, parts: Uint8Array[]): Uint8Array {
  return bytesField(field, joined(Uint8Array, parts));
}

export function bytesField(field: number, value: Uint8Array): Uint8Array {
  return joined(Uint8Array, [Uint8Array.from([...varint(field << 3 | 2), ...varint(value.length)]), value]);
}

/** Base 128, low groups first; integers to 2^53. */
function varint(value: number): number[] {
  const out: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) out.push(value % 128 | 128);
  out.push(value);
  return out;
}
