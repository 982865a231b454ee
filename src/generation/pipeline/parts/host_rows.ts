/** Activations of one picture on the host, in the dtype that they are computed in, row after row. */

import { bf16ToF32, type DType, f16ToF32, f32ToBf16, f32ToF16 } from "../../../base/dtype.ts";

export type Stored = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly values: Stored;
}

/** A device, which counts what lies beside it on the host. */
export interface HostMemory {
  accountHost(bytes: number): void;
}

/** Rows are added at the end and forgotten from the beginning: of a large result and its source only one is ever whole. */
export class HostRows {
  #chunks: Chunk[] = [];
  #height = 0;

  /** `dtype` is one of float32 and the two of 16 bits; `memory` hears of bytes that come and, negative, go. */
  constructor(
    readonly width: number,
    readonly channels: number,
    readonly dtype: DType,
    private readonly memory: HostMemory,
  ) {}

  /** Rows that were added, those forgotten included. */
  get height(): number {
    return this.#height;
  }

  /** float32 values (rows, width, channels), rounded to the dtype. */
  add(values: Float32Array): void {
    this.#append(encoded(values, this.dtype));
  }

  /** The same as bytes of the dtype, which are this object's from now on. */
  addBytes({ buffer, byteLength }: Uint8Array<ArrayBuffer>): void {
    if (byteLength !== buffer.byteLength) throw new RangeError("bytes are a part of a buffer");
    this.#append(this.dtype === "f32" ? new Float32Array(buffer) : new Uint16Array(buffer));
  }

  #append(values: Stored): void {
    const from = this.#height, to = from + values.length / (this.width * this.channels);
    this.#chunks.push({ from, to, values });
    this.memory.accountHost(values.byteLength);
    this.#height = to;
  }

  /** A copy of rows `from` to `to` as a program's input of this dtype: 16-bit values as their bits. */
  rows(from: number, to: number): Stored {
    const row = this.width * this.channels, length = (to - from) * row;
    const out = this.dtype === "f32" ? new Float32Array(length) : new Uint16Array(length);
    for (const chunk of this.#chunks) {
      const first = Math.max(from, chunk.from), end = Math.min(to, chunk.to);
      if (first >= end) continue;
      const part = chunk.values.subarray((first - chunk.from) * row, (end - chunk.from) * row);
      out.set(part, (first - from) * row);
    }
    return out;
  }

  /** All rows as float32; none may be forgotten, and all are now. */
  takeFloats(): Float32Array {
    const row = this.width * this.channels, out = new Float32Array(this.#height * row);
    for (const { from, to, values } of this.#chunks) {
      out.set(decoded(values, this.dtype), from * row);
      this.forget(to);
    }
    return out;
  }

  /** Gives back the memory of the rows before `row`, as far as whole additions go. */
  forget(row: number): void {
    this.#chunks = this.#chunks.filter(({ to, values }) => {
      if (to > row) return true;
      this.memory.accountHost(-values.byteLength);
      giveBack(values);
      return false;
    });
  }
}

/** Gives back the memory of an array at once, and not when garbage is collected. */
export function giveBack(values: Stored): void {
  values.buffer.transfer(0);
}

function encoded(values: Float32Array, dtype: DType): Stored {
  if (dtype === "f32") return Float32Array.from(values);
  return (dtype === "bf16" ? f32ToBf16(values) : f32ToF16(values)) as Uint16Array<ArrayBuffer>;
}

function decoded(values: Stored, dtype: DType): Float32Array {
  if (values instanceof Float32Array) return values;
  return dtype === "bf16" ? bf16ToF32(values) : f16ToF32(values);
}
