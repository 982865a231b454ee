/** NumPy's .npz: a ZIP of .npy arrays. The latent caches on disk are such files. */

import { zipSync } from "fflate";
import { atomicWriteFile } from "../base/files/atomic.ts";
import { UserError } from "../base/errors.ts";
import { elementCount, elementSize } from "./tensor_file.ts";
import { ZipFile } from "./zip/reader.ts";

/** Packed little-endian row-major elements; dtypes in safetensors' spelling ("F32", "I64", "U8", ...). */
export interface NpzArray {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
}

/** NumPy's type strings and safetensors' names. */
const DTYPES: readonly (readonly [descr: string, dtype: string])[] = [
  ["<f4", "F32"],
  ["<f2", "F16"],
  ["<f8", "F64"],
  ["<i8", "I64"],
  ["<i4", "I32"],
  ["<i2", "I16"],
  ["|i1", "I8"],
  ["<u8", "U64"],
  ["<u4", "U32"],
  ["<u2", "U16"],
  ["|u1", "U8"],
  ["|b1", "BOOL"],
];

/** Arrays of more are no cache of anything here. */
const MAX_ARRAY = 2 ** 31;

/**
 * All arrays of a file, or only those named; none is read that has more than `most` bytes with its header. Throws
 * UserError naming file and array when it is damaged.
 */
export function readNpz(path: string, names?: readonly string[], most = MAX_ARRAY): Map<string, NpzArray> {
  const zip = new ZipFile(path, "npz file");
  try {
    const arrays = new Map<string, NpzArray>();
    for (const entry of zip.entries.values()) {
      if (!entry.name.endsWith(".npy")) continue;
      const name = entry.name.slice(0, -4);
      if (!names || names.includes(name)) arrays.set(name, parseNpy(path, name, zip.read(entry, most)));
    }
    return arrays;
  } finally {
    zip.close();
  }
}

/** Names of the arrays in a file, without reading them. */
export function listNpz(path: string): string[] {
  const zip = new ZipFile(path, "npz file");
  zip.close();
  return [...zip.entries.keys()].filter((name) => name.endsWith(".npy")).map((name) => name.slice(0, -4));
}

/** Writes a whole file or none, uncompressed as numpy.savez() does; the same arrays give the same bytes. */
export function writeNpz(path: string, arrays: Readonly<Record<string, NpzArray>>): void {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, encodeNpy(name, array)]);
  // the moment that NumPy writes too
  atomicWriteFile(path, zipSync(Object.fromEntries(files), { level: 0, mtime: new Date(1980, 0, 1) }));
}

/** float32, as latents and masks are kept. */
export function f32Array(data: Float32Array, shape: readonly number[]): NpzArray {
  return { dtype: "F32", shape, data: new Uint8Array(data.slice().buffer) };
}

/** A list of integers as int64, as sizes and crops are kept. */
export function i64Array(values: readonly number[]): NpzArray {
  const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { dtype: "I64", shape: [values.length], data };
}

/** The numbers of an array of integers. */
export function integers({ dtype, data }: NpzArray): number[] {
  if (dtype === "I64") {
    return Array.from(new BigInt64Array(data.buffer, data.byteOffset, data.length / 8), Number);
  }
  if (dtype === "I32") return Array.from(new Int32Array(data.buffer, data.byteOffset, data.length / 4));
  throw new TypeError(`${dtype} is no integer type that sizes are kept in`);
}

function encodeNpy(name: string, { dtype, shape, data }: NpzArray): Uint8Array {
  const descr = DTYPES.find(([, d]) => d === dtype)?.[0];
  if (!descr) throw new TypeError(`${name}: NumPy has no ${dtype}`);
  if (data.length !== elementCount(shape) * elementSize(dtype)!) {
    throw new TypeError(`${name} has ${data.length} bytes, which is not ${dtype} [${shape}]`);
  }
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const padded = Math.ceil((10 + header.length + 1) / 64) * 64;
  const out = new Uint8Array(padded + data.length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]); // \x93NUMPY, version 1.0
  new DataView(out.buffer).setUint16(8, padded - 10, true);
  out.set(new TextEncoder().encode(header.padEnd(padded - 11) + "\n"), 10);
  out.set(data, padded);
  return out;
}

const HEADER =
  /^\{'descr': '([^']{1,20})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,16}(?:, \d{1,16})*)?),?\), \} *\n?$/;

function parseNpy(path: string, name: string, bytes: Uint8Array<ArrayBuffer>): NpzArray {
  const fail = (what: string): never => {
    throw new UserError(
      `${path}: array ${JSON.stringify(name)} ${what}; delete the file so that it is made again`,
    );
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 12 || view.getUint32(0) !== 0x934e554d || view.getUint16(4) !== 0x5059) {
    fail("is no .npy array");
  }
  const start = bytes[6] === 1 ? 10 : 12;
  const length = bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > bytes.length) fail("is cut off");
  const text = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const found = HEADER.exec(text) ?? fail("has a header that NumPy would not write");
  const [, descr, fortran, sizes] = found;
  const dtype = DTYPES.find(([d]) => d === descr)?.[1] ?? fail(`has elements of the kind ${descr}`);
  const shape = sizes === "" ? [] : sizes.split(", ").map(Number);
  const width = elementSize(dtype)!;
  const data = bytes.slice(start + length);
  if (data.length !== elementCount(shape) * width) {
    fail(`has ${data.length} bytes, which is not ${dtype} [${shape}]`);
  }
  return { dtype, shape, data: fortran === "True" ? rowMajor(data, shape, width) : data };
}

/** Column-major elements put in row-major order. */
function rowMajor(
  data: Uint8Array<ArrayBuffer>,
  shape: readonly number[],
  width: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(data.length);
  const index = shape.map(() => 0);
  for (let at = 0; at < data.length; at += width) {
    let from = 0;
    for (let d = shape.length - 1; d >= 0; d--) from = from * shape[d] + index[d];
    out.set(data.subarray(from * width, (from + 1) * width), at);
    for (let d = shape.length - 1; d >= 0 && ++index[d] === shape[d]; d--) index[d] = 0;
  }
  return out;
}
