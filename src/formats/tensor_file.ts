/** What a file of named tensors offers, whatever its format; and the element types of such files. */

import { bf16ToF32, f16ToF32, f8ToF32 } from "../base/dtype.ts";
import { UserError } from "../base/errors.ts";
import { firstNotFinite, foundText, notFinite } from "../base/finite.ts";

/** Where a tensor lies and what it is. */
export interface TensorInfo {
  /** safetensors' spelling: "F32", "F16", "BF16", "I64", "U8", "BOOL", ... */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Absolute byte offset in the file; -1 when it is no single range there (strided or compressed in a pickle). */
  readonly offset: number;
  /** Size in bytes, row-major and packed. */
  readonly bytes: number;
  /** The file that `offset` is in, where that is not the one that was opened: a folder's. */
  readonly path?: string;
}

/** How long a checkpoint was trained before, as trainers write it beside the tensors. */
export interface Counters {
  readonly epoch: number;
  readonly globalStep: number;
}

/** An open checkpoint. Nothing but the table of contents is in memory; each read goes to the file. */
export abstract class TensorFile {
  abstract readonly metadata: Readonly<Record<string, string>>;
  /** In the file's order. */
  protected abstract readonly tensors: ReadonlyMap<string, TensorInfo>;

  /** Of a checkpoint of torch.save() that keeps its tensors in "state_dict"; null for all others. */
  readonly counters: Counters | null = null;

  constructor(readonly path: string) {}

  /** The tensor's packed little-endian bytes, in a new buffer of their own. */
  abstract bytes(key: string): Uint8Array<ArrayBuffer>;
  abstract close(): void;

  /** Tensor names in the file's order. */
  keys(): string[] {
    return [...this.tensors.keys()];
  }

  has(key: string): boolean {
    return this.tensors.has(key);
  }

  /** Throws UserError naming file and tensor when there is none of that name. */
  info(key: string): TensorInfo {
    const info = this.tensors.get(key);
    if (info) return info;
    throw new UserError(`${this.path}: has no tensor ${key}; this is not the file that was expected`);
  }

  /** The tensor as float32, converted when it is something else. Throws UserError where a value is not finite. */
  f32(key: string): Float32Array<ArrayBuffer> {
    const { dtype } = this.info(key), bytes = this.bytes(key);
    requireFinite(this.path, key, dtype, bytes);
    return toF32(dtype, bytes);
  }

  /** Throws UserError naming the tensor and the value where one is not finite. Reads the tensor once. */
  requireFinite(key: string): void {
    requireFinite(this.path, key, this.info(key).dtype, this.bytes(key));
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function requireFinite(path: string, key: string, dtype: string, bytes: Uint8Array<ArrayBuffer>): void {
  const index = firstNotFinite(dtype, bytes);
  if (index >= 0) throw notFinite(path, key, foundAt(dtype, bytes, index));
}

/** "NaN at 17": the value of one element. */
export function foundAt(dtype: string, bytes: Uint8Array, index: number): string {
  const width = elementSize(dtype)!;
  return foundText(toF32(dtype, bytes.slice(index * width, (index + 1) * width))[0], index);
}

/**
 * Bytes of one element. The order is that of the safetensors library, which writes tensors of the last one first
 * (so that wide elements come before narrow ones and everything stays aligned).
 */
const SIZES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  C64: 8,
  F64: 8,
  I64: 8,
  U64: 8,
};

const ORDER = Object.keys(SIZES);

/** Bytes of one element, or undefined for a type not known here. */
export function elementSize(dtype: string): number | undefined {
  return Object.hasOwn(SIZES, dtype) ? SIZES[dtype] : undefined;
}

/** Place of a dtype in the safetensors library's order; -1 when unknown. */
export function dtypeRank(dtype: string): number {
  return ORDER.indexOf(dtype);
}

/** Whether elements are floating-point numbers of any width. */
export function isFloating(dtype: string): boolean {
  return /^(BF|F)\d/.test(dtype);
}

/** Elements of a shape; NaN when a dimension is no size or the product cannot be counted exactly. */
export function elementCount(shape: readonly unknown[]): number {
  let count = 1;
  for (const size of shape) {
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return NaN;
    count *= size;
    if (!Number.isSafeInteger(count)) return NaN;
  }
  return count;
}

/** float32 of packed little-endian elements that start at a buffer's first byte. Throws TypeError for C64. */
export function toF32(dtype: string, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "F16":
      return f16ToF32(new Uint16Array(buffer, byteOffset, byteLength / 2)) as Float32Array<ArrayBuffer>;
    case "BF16":
      return bf16ToF32(new Uint16Array(buffer, byteOffset, byteLength / 2)) as Float32Array<ArrayBuffer>;
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
    case "I64":
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, byteLength / 8), Number);
    case "U64":
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, byteLength / 8), Number);
    case "I32":
      return Float32Array.from(new Int32Array(buffer, byteOffset, byteLength / 4));
    case "U32":
      return Float32Array.from(new Uint32Array(buffer, byteOffset, byteLength / 4));
    case "I16":
      return Float32Array.from(new Int16Array(buffer, byteOffset, byteLength / 2));
    case "U16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2));
    case "I8":
      return Float32Array.from(new Int8Array(buffer, byteOffset, byteLength));
    case "U8":
    case "BOOL":
      return Float32Array.from(bytes);
    case "F8_E5M2":
      return Float32Array.from(bytes, (b) => e5m2(b));
    case "F8_E4M3":
      return f8ToF32(bytes);
    case "F8_E8M0":
      return Float32Array.from(bytes, (b) => b === 255 ? NaN : 2 ** (b - 127));
    default:
      throw new TypeError(`${dtype} has no float32 form`);
  }
}

/** The high byte of an IEEE half. */
function e5m2(b: number): number {
  return f16ToF32(Uint16Array.of(b << 8))[0];
}
