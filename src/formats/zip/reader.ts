/** ZIP archives as NumPy and PyTorch write them: found by the directory at the end, read entry by entry, Zip64 included. */

import { inflateRawSync } from "node:zlib";
import { UserError } from "../../base/errors.ts";
import { crc32 } from "../crc32.ts";
import { FileReader } from "../file_reader.ts";

export interface ZipEntry {
  readonly name: string;
  /** Stored entries lie in the file as they are; the others are deflated. */
  readonly stored: boolean;
  /** Bytes in the file, and after inflating. */
  readonly packedSize: number;
  readonly size: number;
  readonly crc32: number;
  readonly headerOffset: number;
}

const END = 0x06054b50, END64 = 0x06064b50, LOCATOR64 = 0x07064b50, CENTRAL = 0x02014b50, LOCAL = 0x04034b50;
const MAX_DIRECTORY = 256 * 2 ** 20;

/** The most that a deflated byte can become: a match of 258 bytes takes two bits (RFC 1951). */
const MAX_INFLATION = 1032;

/** An open archive. Throws UserError for whatever is wrong with it. */
export class ZipFile {
  readonly path: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #file: FileReader;
  readonly #what: string;

  /** `what` says what the file should be, for messages. */
  constructor(path: string, what: string) {
    this.path = path;
    this.#what = what;
    this.#file = new FileReader(path, what);
    try {
      this.entries = this.#directory();
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** Absolute offset of an entry's bytes in the file. */
  dataOffset(entry: ZipEntry): number {
    const view = viewOf(this.#read(entry.headerOffset, 30, "a header"));
    if (view.getUint32(0, true) !== LOCAL) {
      this.#fail(`the entry ${entry.name} is not where the directory says`);
    }
    const offset = entry.headerOffset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
    if (offset + entry.packedSize > this.#file.size) this.#fail(`the entry ${entry.name} is cut off`);
    return offset;
  }

  /** Some bytes of the file itself, for parts of stored entries. */
  range(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.#file.read(offset, length);
  }

  /** A whole entry, inflated and checked; at most `limit` bytes. */
  read(entry: ZipEntry, limit: number): Uint8Array<ArrayBuffer> {
    if (entry.size > limit) {
      this.#fail(`the entry ${entry.name} has ${entry.size} bytes, at most ${limit} fit`);
    }
    const packed = this.#file.read(this.dataOffset(entry), entry.packedSize);
    const bytes = entry.stored ? packed : this.#inflate(entry, packed);
    if (bytes.length !== entry.size || crc32(bytes) !== entry.crc32) {
      this.#fail(`the entry ${entry.name} does not have the size or checksum it should have`);
    }
    return bytes;
  }

  close(): void {
    this.#file.close();
  }

  #inflate(entry: ZipEntry, packed: Uint8Array): Uint8Array<ArrayBuffer> {
    try {
      // one buffer of the announced size: more than that is never made, however much is packed
      const maxOutputLength = Math.max(1, entry.size);
      const bytes = inflateRawSync(packed, { maxOutputLength, chunkSize: maxOutputLength + 64 });
      return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
    } catch (cause) {
      this.#fail(`the entry ${entry.name} cannot be inflated`, cause);
    }
  }

  #directory(): Map<string, ZipEntry> {
    const { count, offset, size } = this.#end();
    if (size > MAX_DIRECTORY) this.#fail(`its directory has ${size} bytes`);
    const bytes = this.#read(offset, size, "its directory"), view = viewOf(bytes);
    const entries = new Map<string, ZipEntry>();
    for (let at = 0, i = 0; i < count; i++) {
      if (at + 46 > size || view.getUint32(at, true) !== CENTRAL) this.#fail("its directory is broken");
      const nameLength = view.getUint16(at + 28, true), extraLength = view.getUint16(at + 30, true);
      const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
      if (next > size) this.#fail("its directory is broken");
      const entry = this.#entry(bytes.subarray(at, next), nameLength, extraLength);
      if (entries.has(entry.name)) this.#fail(`it has two entries called ${entry.name}`);
      entries.set(entry.name, entry);
      at = next;
    }
    return entries;
  }

  #entry(bytes: Uint8Array, nameLength: number, extraLength: number): ZipEntry {
    const view = viewOf(bytes);
    const name = new TextDecoder().decode(bytes.subarray(46, 46 + nameLength)).slice(0, 300);
    const method = view.getUint16(10, true);
    if (view.getUint16(8, true) & 1) this.#fail(`the entry ${JSON.stringify(name)} is encrypted`);
    if (method !== 0 && method !== 8) {
      this.#fail(`the entry ${JSON.stringify(name)} is packed in way ${method}, which is not known`);
    }
    const wide = new Wide(bytes.subarray(46 + nameLength, 46 + nameLength + extraLength));
    const size = wide.value(view.getUint32(24, true));
    const packedSize = wide.value(view.getUint32(20, true));
    const headerOffset = wide.value(view.getUint32(42, true));
    const stored = method === 0;
    if (!stored && size > packedSize * MAX_INFLATION + 64) {
      this.#fail(`the entry ${JSON.stringify(name)} cannot become ${size} bytes out of ${packedSize}`);
    }
    if (!(headerOffset + packedSize <= this.#file.size) || (stored && size !== packedSize)) {
      this.#fail(`the entry ${JSON.stringify(name)} lies outside of the file`);
    }
    return { name, stored, packedSize, size, headerOffset, crc32: view.getUint32(16, true) };
  }

  #end(): { count: number; offset: number; size: number } {
    const length = Math.min(this.#file.size, 22 + 65535);
    const start = this.#file.size - length;
    const bytes = this.#read(start, length, "its end"), view = viewOf(bytes);
    let at = length - 22;
    while (at >= 0 && view.getUint32(at, true) !== END) at--;
    if (at < 0) this.#fail("it has no directory at its end");
    const count = view.getUint16(at + 10, true);
    const size = view.getUint32(at + 12, true), offset = view.getUint32(at + 16, true);
    if (count !== 0xffff && size !== 0xffffffff && offset !== 0xffffffff) return { count, size, offset };
    const locator = viewOf(this.#read(start + at - 20, 20, "its end"));
    if (locator.getUint32(0, true) !== LOCATOR64) return { count, size, offset };
    const end64 = viewOf(this.#read(Number(locator.getBigUint64(8, true)), 56, "its end"));
    if (end64.getUint32(0, true) !== END64) this.#fail("its directory is broken");
    const [wideCount, wideSize, wideOffset] = [32, 40, 48].map((i) => Number(end64.getBigUint64(i, true)));
    return { count: wideCount, size: wideSize, offset: wideOffset };
  }

  #read(offset: number, length: number, what: string): Uint8Array<ArrayBuffer> {
    if (!(offset >= 0 && offset + length <= this.#file.size)) this.#fail(`${what} lies outside of the file`);
    return this.#file.read(offset, length);
  }

  #fail(what: string, cause?: unknown): never {
    throw new UserError(`${this.path}: ${what}; it is cut off, damaged or no ${this.#what}, get it again`, {
      cause,
    });
  }
}

/** The Zip64 extra field: 64-bit values, in a fixed order, for those of the directory that are all ones. */
class Wide {
  readonly #view: DataView | null = null;
  #at = 0;

  constructor(extra: Uint8Array) {
    const view = viewOf(extra);
    for (let at = 0; at + 4 <= extra.length;) {
      const length = view.getUint16(at + 2, true);
      if (view.getUint16(at, true) === 1 && at + 4 + length <= extra.length) {
        this.#view = viewOf(extra.subarray(at + 4, at + 4 + length));
      }
      at += 4 + length;
    }
  }

  /** NaN where a wide value is missing. */
  value(narrow: number): number {
    if (narrow !== 0xffffffff) return narrow;
    if (this.#view === null || this.#at + 8 > this.#view.byteLength) return NaN;
    const value = Number(this.#view.getBigUint64(this.#at, true));
    this.#at += 8;
    return value;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
