/** The header of a safetensors file: JSON that says where each tensor lies. Everything it claims is checked here. */

import { UserError } from "../base/errors.ts";
import { elementCount, elementSize, type TensorInfo } from "./tensor_file.ts";

/** The library's limit. */
export const MAX_HEADER = 100_000_000;

export interface Header {
  readonly metadata: Record<string, string>;
  /** In the header's order. */
  readonly tensors: Map<string, TensorInfo>;
}

/**
 * Reads a header's text. `start` is the first byte after the header, `size` that of the whole file.
 * The tensors must cover what follows the header exactly, as in the reference library: no overlap, hole or rest.
 * Throws UserError naming file, tensor and value.
 */
export function parseHeader(path: string, text: string, start: number, size: number): Header {
  const json = parseObject(path, text);
  const metadata = checkMetadata(path, json["__metadata__"]);
  const tensors = new Map<string, TensorInfo>();
  for (const [key, value] of Object.entries(json)) {
    if (key !== "__metadata__") tensors.set(key, checkTensor(path, key, value, start));
  }
  checkCover(path, tensors, start, size);
  return { metadata, tensors };
}

function parseObject(path: string, text: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    fail(path, `its header is no JSON (${firstLine(cause)})`, cause);
  }
  if (!isObject(json)) fail(path, "its header is no JSON object");
  const twice = duplicateKey(text);
  if (twice !== null) fail(path, `its header has the key ${quote(twice)} twice`);
  return json;
}

function checkMetadata(path: string, metadata: unknown): Record<string, string> {
  if (metadata === undefined) return {};
  if (!isObject(metadata)) fail(path, "its __metadata__ is no object");
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string") {
      fail(path, `its __metadata__ has ${brief(value)} under ${quote(key)}, not a string`);
    }
  }
  return metadata as Record<string, string>;
}

function checkTensor(path: string, key: string, entry: unknown, start: number): TensorInfo {
  const at = `tensor ${quote(key)}`;
  if (!isObject(entry)) fail(path, `${at} is ${brief(entry)}, not an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") fail(path, `${at} has dtype ${brief(dtype)}, not a name`);
  const width = elementSize(dtype);
  if (width === undefined) {
    throw new UserError(
      `${path}: ${at} has the unknown dtype ${brief(dtype)}; convert the file to F32, F16 or BF16`,
    );
  }
  if (!Array.isArray(shape)) fail(path, `${at} has shape ${brief(shape)}, not a list`);
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count * width)) {
    fail(path, `${at} has shape ${brief(shape)}, which is no list of sizes that can be`);
  }
  if (
    !Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isOffset) || offsets[1] < offsets[0]
  ) {
    fail(path, `${at} has data_offsets ${brief(offsets)}, not [begin, end]`);
  }
  const [begin, end] = offsets as number[];
  if (end - begin !== count * width) {
    fail(path, `${at} has ${end - begin} bytes, its ${dtype} ${brief(shape)} takes ${count * width}`);
  }
  return { dtype, shape, offset: start + begin, bytes: end - begin };
}

function checkCover(path: string, tensors: Map<string, TensorInfo>, start: number, size: number): void {
  const sorted = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes);
  let end = start;
  for (const [key, { offset, bytes }] of sorted) {
    if (offset < end) fail(path, `tensor ${quote(key)} overlaps the one before it by ${end - offset} bytes`);
    if (offset > end) fail(path, `${offset - end} bytes before tensor ${quote(key)} belong to no tensor`);
    end += bytes;
    if (end > size) {
      const whole = start + [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0);
      throw new UserError(
        `${path}: has ${size} bytes of ${whole}, ${
          whole - size
        } are missing; it is cut off, copy or download it again`,
      );
    }
  }
  if (end < size) fail(path, `${size - end} bytes at its end belong to no tensor`);
}

/**
 * The first key that an object of this valid JSON text has twice, or null. JSON.parse silently keeps the last of
 * two, and two readers that keep different ones would see different files.
 */
function duplicateKey(text: string): string | null {
  const open: (Set<string> | null)[] = []; // per level: the keys seen, null in a list
  let keyNext = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22 /* " */) {
      const from = i++;
      for (; text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c /* \ */) i++;
      const keys = open.at(-1);
      if (!keyNext || !keys) continue;
      const key = JSON.parse(text.slice(from, i + 1)) as string;
      if (keys.has(key)) return key;
      keys.add(key);
      keyNext = false;
    } else if (c === 0x7b /* { */) open.push(new Set()), keyNext = true;
    else if (c === 0x5b /* [ */) open.push(null), keyNext = false;
    else if (c === 0x7d || c === 0x5d) open.pop(), keyNext = false;
    else if (c === 0x2c /* , */) keyNext = open.at(-1) !== null;
  }
  return null;
}

function isObject(x: unknown): x is Record<string, unknown> {
  return typeof x === "object" && x !== null && !Array.isArray(x);
}

function isOffset(x: unknown): boolean {
  return typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
}

function fail(path: string, what: string, cause?: unknown): never {
  throw new UserError(`${path}: ${what}; it is damaged, get it again`, { cause });
}

function firstLine(error: unknown): string {
  return shorten(String((error as Error).message).replaceAll(/\s+/g, " "));
}

function quote(text: string): string {
  return shorten(JSON.stringify(text));
}

function brief(value: unknown): string {
  return value === undefined ? "missing" : shorten(JSON.stringify(value));
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}
