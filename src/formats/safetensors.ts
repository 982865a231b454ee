/**
 * safetensors (https://github.com/huggingface/safetensors): 8 bytes of header length, a JSON header, the tensors' bytes.
 * Reading keeps only the header in memory; writing holds one tensor at a time.
 */

import { atomicWrite, atomicWriteSlowly, writeAll } from "../base/files/atomic.ts";
import { UserError } from "../base/errors.ts";
import { firstNotFinite } from "../base/finite.ts";
import { counted } from "../base/phrases.ts";
import { FileReader } from "./file_reader.ts";
import { MAX_HEADER, parseHeader } from "./safetensors_header.ts";
import { dtypeRank, elementCount, elementSize, foundAt, TensorFile, type TensorInfo } from "./tensor_file.ts";

export { TensorFile, type TensorInfo } from "./tensor_file.ts";

/** An open safetensors file; close it, or declare it with `using`. */
export class SafetensorsFile extends TensorFile {
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes before the first tensor: 8 and the header. */
  readonly dataStart: number;
  protected readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #file: FileReader;

  /** Reads and checks the header. Throws UserError naming file, tensor, value and remedy. */
  constructor(path: string) {
    super(path);
    this.#file = new FileReader(path, "safetensors file");
    try {
      const length = headerLength(this.#file);
      this.dataStart = 8 + length;
      const text = decode(path, this.#file.read(8, length));
      const header = parseHeader(path, text, this.dataStart, this.#file.size);
      this.metadata = header.metadata;
      this.tensors = header.tensors;
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  bytes(key: string): Uint8Array<ArrayBuffer> {
    const { offset, bytes } = this.info(key);
    return this.#file.read(offset, bytes);
  }

  close(): void {
    this.#file.close();
  }
}

/** Opens a safetensors file. Throws UserError when it is not one, or is damaged. */
export function openSafetensors(path: string): SafetensorsFile {
  return new SafetensorsFile(path);
}

function headerLength(file: FileReader): number {
  if (file.size < 8) {
    throw new UserError(
      `${file.path}: has ${
        counted(file.size, "byte")
      }, too few for a safetensors file; it is cut off, copy it again`,
    );
  }
  const length = new DataView(file.read(0, 8).buffer).getBigUint64(0, true);
  if (length > MAX_HEADER) {
    throw new UserError(
      `${file.path}: is neither safetensors nor a checkpoint of PyTorch (a header would have ${length} bytes); get the file again`,
    );
  }
  if (length > file.size - 8) {
    throw new UserError(
      `${file.path}: says its header has ${length} bytes, the file has ${file.size}; it is cut off, copy it again`,
    );
  }
  return Number(length);
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UserError(`${path}: its header is no UTF-8; it is damaged or no safetensors file`, { cause });
  }
}

/** A tensor to be written: packed little-endian bytes, or a function that makes them when their turn comes. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array | (() => Uint8Array);
  /** Bytes of another file that nothing was done to: they may hold what they like. */
  readonly copied?: boolean;
}

/** Tensors in the library's order: last dtype of its list first, then by the names' UTF-8 bytes. */
export function inFileOrder<T extends { readonly name: string; readonly dtype: string }>(
  tensors: Iterable<T>,
): T[] {
  return [...tensors].sort((a, b) => dtypeRank(b.dtype) - dtypeRank(a.dtype) || byCodePoint(a.name, b.name));
}

/**
 * The header's length and text as the library writes them: `tensors` in file order, padded with blanks to 8 bytes.
 * Metadata that are empty are written as such, null are left out.
 */
export function encodeHeader(
  tensors: readonly Omit<TensorToWrite, "data">[],
  metadata: Readonly<Record<string, string>> | null = null,
): Uint8Array<ArrayBuffer> {
  const entries: string[] = [];
  if (metadata) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let begin = 0;
  for (const tensor of tensors) {
    const end = begin + byteCount(tensor);
    const entry = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] };
    entries.push(`${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`);
    begin = end;
  }
  const text = new TextEncoder().encode(`{${entries.join(",")}}`);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER) {
    throw new RangeError(`a header of ${length} bytes is more than safetensors allows`);
  }
  const out = new Uint8Array(8 + length).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(text, 8);
  return out;
}

/**
 * Writes a whole file or none. The bytes of each tensor are asked for in file order, one at a time; `seen` gets all
 * that is written. Throws TypeError for a wrong dtype, size or a name given twice, UserError when the disk refuses or a
 * value is NaN or infinite.
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> | null = null,
  seen: (bytes: Uint8Array) => void = () => {},
): void {
  const ordered = checkedOrder(tensors), header = encodeHeader(ordered, metadata);
  atomicWrite(path, (file) => {
    const put = (bytes: Uint8Array) => {
      seen(bytes);
      writeAll(file, bytes);
    };
    put(header);
    for (const tensor of ordered) put(tensorBytes(path, tensor));
  });
}

/** The same where tensors take long to make: `pause` is awaited before each and may make it, and what it throws leaves no file. */
export async function writeSafetensorsSlowly(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> | null,
  pause: (next: TensorToWrite) => Promise<void>,
): Promise<void> {
  const ordered = checkedOrder(tensors), header = encodeHeader(ordered, metadata);
  await atomicWriteSlowly(path, async (file) => {
    writeAll(file, header);
    for (const tensor of ordered) {
      await pause(tensor);
      writeAll(file, tensorBytes(path, tensor));
    }
  });
}

/** In file order. Throws TypeError for a name given twice. */
export function checkedOrder(tensors: Iterable<TensorToWrite>): TensorToWrite[] {
  const ordered = inFileOrder(tensors), names = new Set<string>();
  for (const { name } of ordered) {
    if (names.has(name) || name === "__metadata__") throw new TypeError(`two tensors are called ${name}`);
    names.add(name);
  }
  return ordered;
}

/** A tensor's bytes as they go into the file `path`, checked: see writeSafetensors(). */
export function tensorBytes(path: string, tensor: TensorToWrite): Uint8Array {
  const data = typeof tensor.data === "function" ? tensor.data() : tensor.data;
  if (data.length !== byteCount(tensor)) {
    throw new TypeError(`${tensor.name} has ${data.length} bytes, its shape takes ${byteCount(tensor)}`);
  }
  const bad = tensor.copied ? -1 : firstNotFinite(tensor.dtype, data);
  if (bad >= 0) throw new UserError(notWritten(path, tensor, foundAt(tensor.dtype, data, bad)));
  return data;
}

function notWritten(path: string, { name, dtype }: TensorToWrite, found: string): string {
  const remedy = dtype === "F16"
    ? "numbers above 65504 need --save_precision float or bf16"
    : "something before it overflowed";
  return `${path}: not written, because ${name} would hold ${found} as ${dtype}; ${remedy}`;
}

function byteCount({ name, dtype, shape }: Omit<TensorToWrite, "data">): number {
  const width = elementSize(dtype);
  const bytes = elementCount(shape) * (width ?? NaN);
  if (!Number.isSafeInteger(bytes)) throw new TypeError(`${name}: ${dtype} [${shape}] cannot be written`);
  return bytes;
}

/** The order of UTF-8 bytes is that of code points, which is not that of UTF-16 units. */
function byCodePoint(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
