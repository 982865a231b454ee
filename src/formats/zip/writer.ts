/** ZIP archives of stored entries, written from front to back: sizes and places beyond 32 bits as Zip64 (APPNOTE 6.3.9). */

import { crc32 } from "node:zlib";

const LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50, END64 = 0x06064b50, LOCATOR64 = 0x07064b50;

/** All ones: the number is in the Zip64 field. */
const WIDE = 0xffffffff;

/** PyTorch's extra field of nothing, by which it moves entries to where they may be mapped from. */
const PADDING = 0x4246;

/** Names are UTF-8. */
const FLAGS = 0x800;

/** 1 January 1980: the same bytes whenever they are written. */
const TIME = 0, DATE = 0x21;

interface Entry {
  readonly name: Uint8Array;
  readonly size: number;
  readonly crc: number;
  readonly offset: number;
}

/** Puts entries one after the other; `put` takes the bytes. */
export class ZipWriter {
  readonly #entries: Entry[] = [];
  #at = 0;

  /** The first byte of each entry's contents lies at a multiple of `alignment`. */
  constructor(private readonly put: (bytes: Uint8Array) => void, private readonly alignment: number) {}

  add(path: string, contents: Uint8Array): void {
    const entry = {
      name: new TextEncoder().encode(path),
      size: contents.length,
      crc: crc32(contents),
      offset: this.#at,
    };
    this.#entries.push(entry);
    this.#write(this.#header(entry));
    this.#write(contents);
  }

  /** The directory, after which nothing is added. */
  end(): void {
    const start = this.#at;
    for (const entry of this.#entries) this.#write(central(entry));
    this.#write(ending(this.#entries.length, start, this.#at - start));
  }

  #header({ name, size, crc }: Entry): Uint8Array {
    const sizes = size >= WIDE ? wide([size, size]) : [];
    const before = this.#at + 30 + name.length + sizes.length + 4;
    const padding = (this.alignment - before % this.alignment) % this.alignment;
    const extra = [...sizes, ...short(PADDING), ...short(padding), ...new Array(padding).fill(0)];
    const narrow = size >= WIDE ? WIDE : size;
    return bytes(
      [
        ...[...long(LOCAL), ...short(45), ...short(FLAGS), ...short(0), ...short(TIME), ...short(DATE)],
        ...[...long(crc), ...long(narrow), ...long(narrow), ...short(name.length), ...short(extra.length)],
      ],
      name,
      extra,
    );
  }

  #write(bytes: Uint8Array): void {
    this.put(bytes);
    this.#at += bytes.length;
  }
}

function central({ name, size, crc, offset }: Entry): Uint8Array {
  const large = size >= WIDE, far = offset >= WIDE;
  const extra = large || far ? wide([...(large ? [size, size] : []), ...(far ? [offset] : [])]) : [];
  const narrow = large ? WIDE : size;
  return bytes(
    [
      ...[
        ...long(CENTRAL),
        ...short(45),
        ...short(45),
        ...short(FLAGS),
        ...short(0),
        ...short(TIME),
        ...short(DATE),
      ],
      ...[...long(crc), ...long(narrow), ...long(narrow), ...short(name.length), ...short(extra.length)],
      ...[...short(0), ...short(0), ...short(0), ...long(0), ...long(far ? WIDE : offset)],
    ],
    name,
    extra,
  );
}

function ending(count: number, start: number, size: number): Uint8Array {
  const large = count >= 0xffff || start >= WIDE || size >= WIDE;
  const end = [
    ...[
      ...long(END),
      ...short(0),
      ...short(0),
      ...short(Math.min(count, 0xffff)),
      ...short(Math.min(count, 0xffff)),
    ],
    ...[...long(Math.min(size, WIDE)), ...long(Math.min(start, WIDE)), ...short(0)],
  ];
  if (!large) return bytes(end);
  return bytes([
    ...[
      ...long(END64),
      ...quad(44),
      ...short(45),
      ...short(45),
      ...long(0),
      ...long(0),
      ...quad(count),
      ...quad(count),
    ],
    ...[...quad(size), ...quad(start)],
    ...[...long(LOCATOR64), ...long(0), ...quad(start + size), ...long(1)],
    ...end,
  ]);
}

/** The Zip64 field. */
const wide = (values: number[]) => [...short(1), ...short(8 * values.length), ...values.flatMap(quad)];

const short = (n: number) => [n & 255, n >>> 8 & 255];
const long = (n: number) => [...short(n & 0xffff), ...short(n >>> 16)];
const quad = (n: number) => [...new Uint8Array(BigUint64Array.of(BigInt(n)).buffer)];

function bytes(...parts: (Uint8Array | number[])[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}
