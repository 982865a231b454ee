/** Parameters on a device: named values that stay between runs. Weights, LoRA factors, gradients, optimizer moments. */

import {
  bf16ToF32,
  byteSize,
  type DType,
  f16ToF32,
  f32ToBf16,
  f32ToF16,
  f32ToF8,
  f8ToF32,
} from "../base/dtype.ts";
import { notFinite } from "../base/finite.ts";
import type { Buffer } from "./buffer.ts";
import type { Device } from "./device.ts";

export interface Parameter {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly buffer: Buffer;
  readonly offset: number;
  /** Never changed by a program: executors may keep a repacked copy. */
  readonly frozen: boolean;
  /** Made by allocateFlat: the parameter over all, and how many elements it has. */
  readonly flat?: { readonly name: string; readonly size: number };
}

export interface AllocateOptions {
  /** Default false. Uploading to a frozen parameter while a program uses it is an error of the caller. */
  readonly frozen?: boolean;
}

/** Element types a file may hold beyond the device's, by their number in the C ABI. */
const FILE_DTYPES: Record<string, number> = {
  F32: 0,
  F16: 1,
  BF16: 2,
  I32: 3,
  U8: 4,
  F8_E4M3: 5,
  F64: 16,
  I64: 17,
};
/** easel_status EASEL_NOT_FINITE. */
const NOT_FINITE = 5;
const DEVICE_DTYPES: Record<DType, number> = { f32: 0, f16: 1, bf16: 2, i32: 3, u8: 4, f8: 5 };

export class ParameterStore {
  readonly #parameters = new Map<string, Parameter>();
  readonly #buffers = new Set<Buffer>();
  /** How often values were put into a parameter from outside of programs. */
  writes = 0;

  constructor(readonly device: Device) {}

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** Throws RangeError when there is no such parameter. */
  get(name: string): Parameter {
    const parameter = this.#parameters.get(name);
    if (!parameter) throw new RangeError(`no parameter ${name} on the device`);
    return parameter;
  }

  names(): string[] {
    return [...this.#parameters.keys()];
  }

  /** Makes one zeroed parameter. */
  allocate(
    name: string,
    shape: readonly number[],
    dtype: DType,
    { frozen = false }: AllocateOptions = {},
  ): void {
    if (this.has(name)) throw new RangeError(`parameter ${name} exists already`);
    const buffer = this.device.alloc(count(shape) * byteSize(dtype));
    this.#buffers.add(buffer);
    this.#parameters.set(name, { shape: [...shape], dtype, buffer, offset: 0, frozen });
  }

  /**
   * Makes parameters of one dtype that lie one behind the other without gaps, and one of rank 1 over all of them called
   * `flat`: an optimizer step or a norm over every weight is then one instruction.
   */
  allocateFlat(
    flat: string,
    members: readonly { name: string; shape: readonly number[] }[],
    dtype: DType = "f32",
  ): void {
    const total = members.reduce((n, m) => n + count(m.shape), 0);
    this.allocate(flat, [total], dtype);
    const { buffer } = this.get(flat);
    let offset = 0;
    for (const { name, shape } of members) {
      if (this.has(name)) throw new RangeError(`parameter ${name} exists already`);
      this.#parameters.set(name, {
        shape: [...shape],
        dtype,
        buffer,
        offset,
        frozen: false,
        flat: { name: flat, size: total },
      });
      offset += count(shape) * byteSize(dtype);
    }
  }

  /** Makes (unless it exists) and fills a parameter from float32 or int32 values, converted to `dtype`. */
  upload(
    name: string,
    shape: readonly number[],
    dtype: DType,
    values: Float32Array | Int32Array,
    options?: AllocateOptions,
  ): void {
    if (values.length !== count(shape)) {
      throw new TypeError(`${name}: ${values.length} values do not fill [${shape}]`);
    }
    if (!this.has(name)) this.allocate(name, shape, dtype, options);
    const { buffer, offset } = this.get(name);
    this.writes++;
    this.device.upload(buffer, offset, encodeValues(values, dtype));
  }

  /** Overwrites an existing parameter's values, keeping its dtype. */
  set(name: string, values: Float32Array): void {
    const { shape, dtype } = this.get(name);
    this.upload(name, shape, dtype, values);
  }

  /** A parameter's values as float32. */
  download(name: string): Float32Array {
    const { shape, dtype, buffer, offset } = this.get(name);
    const bytes = new Uint8Array(count(shape) * byteSize(dtype));
    this.device.download(buffer, offset, bytes);
    return decodeValues(bytes, dtype);
  }

  /**
   * Makes a parameter from a range of a file without passing it through JavaScript memory; converts to `dtype`.
   * fileDtype is safetensors' name ("F16", "F32", "BF16", "F64", "I64"...). Throws UserError when the file cannot be
   * read or holds NaN or infinity.
   */
  async readFile(
    name: string,
    shape: readonly number[],
    dtype: DType,
    file: { path: string; key: string; offset: number; dtype: string },
    options?: AllocateOptions,
  ): Promise<void> {
    const code = FILE_DTYPES[file.dtype];
    if (code === undefined) {
      throw new TypeError(`${file.path}: ${name} has dtype ${file.dtype}, which is not supported`);
    }
    this.allocate(name, shape, dtype, options);
    const { buffer, offset } = this.get(name);
    const { device } = this;
    const status = await device.symbols.easel_buffer_read_file(
      device.pointer,
      buffer.pointer,
      BigInt(offset),
      new TextEncoder().encode(`${file.path}\0`),
      BigInt(file.offset),
      BigInt(count(shape)),
      code,
      DEVICE_DTYPES[dtype],
    );
    if (status === NOT_FINITE) throw notFinite(file.path, file.key, device.errorText());
    device.check(status);
  }

  /** Forgets a parameter made by allocate, upload or readFile and frees its memory; no program may use it any more. */
  free(name: string): void {
    const { buffer } = this.get(name);
    for (const [other, p] of this.#parameters) if (p.buffer === buffer) this.#parameters.delete(other);
    this.#buffers.delete(buffer);
    this.device.free(buffer);
  }

  /** Frees everything. */
  destroy(): void {
    for (const buffer of this.#buffers) this.device.free(buffer);
    this.#buffers.clear();
    this.#parameters.clear();
  }
}

function count(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** The bytes of float32 or int32 values as `dtype`; those of 16-bit values that come as bits as they are. */
export function encodeValues(
  values: Float32Array | Int32Array | Uint8Array | Uint16Array,
  dtype: DType,
): Uint8Array {
  const bytes = (a: ArrayBufferView) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
  if (values instanceof Uint16Array && (dtype === "bf16" || dtype === "f16")) return bytes(values);
  if (dtype === "i32" || dtype === "u8") {
    return bytes(dtype === "i32" ? Int32Array.from(values) : Uint8Array.from(values));
  }
  const floats = values instanceof Float32Array ? values : Float32Array.from(values);
  if (dtype === "f8") return f32ToF8(floats);
  return bytes(dtype === "f32" ? floats : dtype === "f16" ? f32ToF16(floats) : f32ToBf16(floats));
}

/** float32 values of bytes that hold `dtype`; integers become floats. */
export function decodeValues(bytes: Uint8Array, dtype: DType): Float32Array {
  const { buffer, byteOffset } = bytes;
  const n = bytes.length / byteSize(dtype);
  switch (dtype) {
    case "f32":
      return new Float32Array(buffer as ArrayBuffer, byteOffset, n);
    case "f16":
      return f16ToF32(new Uint16Array(buffer, byteOffset, n));
    case "bf16":
      return bf16ToF32(new Uint16Array(buffer, byteOffset, n));
    case "i32":
      return Float32Array.from(new Int32Array(buffer, byteOffset, n));
    case "u8":
      return Float32Array.from(bytes);
    case "f8":
      return f8ToF32(bytes);
  }
}
