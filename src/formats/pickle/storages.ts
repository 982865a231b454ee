/** What lies behind a checkpoint's tensors: its pickle, and storages in a ZIP's entries or one after the other. */

import { UserError } from "../../base/errors.ts";
import { HOW_TO_LIFT, limit } from "../../base/limits.ts";
import { FileReader } from "../file_reader.ts";
import { elementSize } from "../tensor_file.ts";
import { type ZipEntry, ZipFile } from "../zip/reader.ts";
import { unpickle, type Unpickled } from "./machine.ts";
import { PickleError } from "./make.ts";
import type { Storage } from "./values.ts";

/** Pickles hold names and shapes; the largest known are a few MB. */
const MAX_PICKLE = 64 * 2 ** 20;

/**
 * torch.save() stores weights as they are; where somebody packed them afterwards, they become more than this only out
 * of a file that is a hundredth of it.
 */
const MOST_INFLATED = 64 * 2 ** 20;

/** torch.serialization.MAGIC_NUMBER, which the old form starts with. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;

/** The bytes of storages, wherever they are. */
export interface Storages {
  /** Absolute offset of a storage's bytes in the file, -1 when they are compressed. Throws UserError. */
  offset(storage: Storage): number;
  /** Some of its bytes. */
  read(storage: Storage, begin: number, length: number): Uint8Array<ArrayBuffer>;
  close(): void;
}

/** A checkpoint in either form. Throws UserError. */
export function openStorages(path: string): { root: unknown; storages: Storages } {
  return isZip(path) ? openZip(path) : openLegacy(path);
}

function isZip(path: string): boolean {
  const file = new FileReader(path, "checkpoint");
  try {
    return file.size >= 4 && new DataView(file.read(0, 4).buffer).getUint32(0, true) === 0x04034b50;
  } finally {
    file.close();
  }
}

/** The form since 1.6: <name>/data.pkl, <name>/data/<key>. */
function openZip(path: string): { root: unknown; storages: Storages } {
  const zip = new ZipFile(path, "checkpoint");
  try {
    const pickle = [...zip.entries.keys()].find((name) => /^[^/]*\/data\.pkl$/.test(name));
    if (!pickle) {
      fail(
        path,
        "is a ZIP archive and no file of PyTorch, for it has no data.pkl; unpack it and give the file inside",
      );
    }
    const folder = pickle.slice(0, -"data.pkl".length);
    const byteOrder = zip.entries.get(`${folder}byteorder`);
    if (byteOrder && new TextDecoder().decode(zip.read(byteOrder, 100)) !== "little") {
      fail(path, "is big-endian; save it again on another machine");
    }
    const root = run(path, zip.read(zip.entries.get(pickle)!, MAX_PICKLE), 0).value;
    const entryOf = (storage: Storage): ZipEntry => {
      const entry = zip.entries.get(`${folder}data/${storage.key}`);
      if (!entry || entry.size !== storage.count * elementSize(storage.dtype)!) {
        fail(
          path,
          `storage ${
            JSON.stringify(storage.key.slice(0, 100))
          } is missing or has another size; get the file again`,
        );
      }
      return entry;
    };
    const most = limit(Math.max(MOST_INFLATED, Deno.statSync(path).size * 100));
    const offsets = new Map<string, number>();
    const offset = (storage: Storage): number => {
      const entry = entryOf(storage);
      if (!entry.stored) return -1;
      if (!offsets.has(storage.key)) offsets.set(storage.key, zip.dataOffset(entry));
      return offsets.get(storage.key)!;
    };
    // many tensors may be parts of one storage
    let last: { key: string; bytes: Uint8Array<ArrayBuffer> } | null = null;
    const inflated = (storage: Storage) => {
      if (last?.key === storage.key) return last.bytes;
      const entry = entryOf(storage);
      if (entry.size > most) {
        fail(path, `the entry ${entry.name} becomes ${entry.size} bytes, at most ${most}; ${HOW_TO_LIFT}`);
      }
      last = { key: storage.key, bytes: zip.read(entry, entry.size) };
      return last.bytes;
    };
    const read = (storage: Storage, begin: number, length: number) => {
      const start = offset(storage);
      if (start >= 0) return zip.range(start + begin, length);
      return inflated(storage).slice(begin, begin + length);
    };
    return { root, storages: { offset, read, close: () => zip.close() } };
  } catch (error) {
    zip.close();
    throw error;
  }
}

/** The form before 1.6: magic, version, system, object, list of storage keys, and for each its size and bytes. */
function openLegacy(path: string): { root: unknown; storages: Storages } {
  const file = new FileReader(path, "checkpoint");
  try {
    const head = file.read(0, Math.min(file.size, MAX_PICKLE));
    if (head[0] !== 0x80) fail(path, "is neither safetensors nor a checkpoint of PyTorch");
    let at = 0;
    const next = () => {
      const { value, end } = run(path, head, at);
      at = end;
      return value;
    };
    if (next() !== LEGACY_MAGIC) fail(path, "is no checkpoint of PyTorch");
    next(); // the version of the form
    const system = next();
    if (system instanceof Map && system.get("little_endian") === false) {
      fail(path, "is big-endian; save it again on another machine");
    }
    const { value: root, storages, end } = run(path, head, at);
    at = end;
    const keys = next();
    if (!Array.isArray(keys)) fail(path, "has no list of storages; get it again");
    const sizes = new Map<unknown, number>(storages.map(({ key, dtype }) => [key, elementSize(dtype)!]));
    const offsets = new Map<string, { start: number; count: number }>();
    for (const key of keys) {
      const width = sizes.get(key) ?? 0;
      const count = Number(new DataView(file.read(at, 8).buffer).getBigInt64(0, true));
      if (!(width > 0 && count >= 0 && at + 8 + count * width <= file.size)) {
        fail(path, "has storages that do not fit into the file; it is cut off, copy it again");
      }
      offsets.set(key, { start: at + 8, count });
      at += 8 + count * width;
    }
    const offset = (storage: Storage): number => {
      const found = offsets.get(storage.key);
      if (!found || found.count !== storage.count) {
        fail(path, `has no storage ${storage.key.slice(0, 100)}; get it again`);
      }
      return found.start;
    };
    const read = (storage: Storage, begin: number, length: number) =>
      file.read(offset(storage) + begin, length);
    return { root, storages: { offset, read, close: () => file.close() } };
  } catch (error) {
    file.close();
    throw error;
  }
}

function run(path: string, bytes: Uint8Array, start: number): Unpickled {
  return guarded(path, () => unpickle(bytes, start));
}

/** Turns what is wrong with the pickle into an error that names the file. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof PickleError)) throw cause;
    throw new UserError(`${path}: its pickle ${cause.message}; get the file as safetensors`, { cause });
  }
}

export function fail(path: string, what: string): never {
  throw new UserError(`${path}: ${what}`);
}
