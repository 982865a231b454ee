/** The bytes of a pickle, read from the front: its opcodes' numbers and texts. */

import { broken, PickleError } from "./make.ts";

export class Code {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = start;
  }

  /** Offset of the next byte. */
  get at(): number {
    return this.#at;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The next `length` bytes. Throws PickleError where there are fewer, as all here do. */
  take(length: number): Uint8Array {
    const at = this.skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Moves on and returns where it was. */
  skip(length: number): number {
    const at = this.#at;
    if (!(at + length <= this.#bytes.length)) throw new PickleError("is cut off");
    this.#at += length;
    return at;
  }

  int32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** The only number of a pickle whose first byte is its highest. */
  float64(): number {
    return this.#view.getFloat64(this.skip(8), false);
  }

  /** An unsigned little-endian number of 1, 2, 4 or 8 bytes. */
  size(width: number): number {
    const bytes = this.take(width);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[i];
    return value;
  }

  /** A signed little-endian number of any width; a number where that is exact. */
  long(width: number): number | bigint {
    let value = 0n;
    for (const byte of this.take(width).toReversed()) value = value << 8n | BigInt(byte);
    value = BigInt.asIntN(8 * width, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  text(length: number): string {
    return new TextDecoder().decode(this.take(length));
  }

  /** The rest of the line: GLOBAL has its two names so. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0 || end - this.#at > 1000) throw broken("a name has no end");
    const text = this.text(end - this.#at);
    this.#at++;
    return text;
  }
}
