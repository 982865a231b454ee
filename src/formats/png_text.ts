/** Texts inside PNG files: generation parameters, and whatever else other programs keep there. */

import { inflateSync } from "node:zlib";
import { crc32 } from "./crc32.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** No text in a picture is longer; a compressed one that claims to be is not inflated further. */
const MAX_TEXT = 16 * 2 ** 20;

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** Offset of the byte after the chunk. */
  readonly end: number;
}

/**
 * The PNG with texts put after its header, in order: as tEXt where Latin-1 holds them, else as iTXt, like Pillow's
 * PngInfo.add_text(). Keys have 1 to 79 characters of Latin-1. Throws SyntaxError when `png` is none.
 */
export function withPngText(
  png: Uint8Array,
  texts: Iterable<readonly [key: string, value: string]>,
): Uint8Array<ArrayBuffer> {
  const header = chunks(png).next().value;
  if (header?.type !== "IHDR") throw new SyntaxError("a PNG starts with its header, this does not");
  const added = [...texts].map(([key, value]) => textChunk(key, value));
  const out = new Uint8Array(png.length + added.reduce((sum, chunk) => sum + chunk.length, 0));
  out.set(png.subarray(0, header.end));
  let at = header.end;
  for (const chunk of added) {
    out.set(chunk, at);
    at += chunk.length;
  }
  out.set(png.subarray(header.end), at);
  return out;
}

/** All texts of a PNG by key, the first of each; damaged ones are left out. Throws SyntaxError when it is none. */
export function readPngText(png: Uint8Array): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { type, data } of chunks(png)) {
    const text = type === "tEXt" || type === "zTXt" || type === "iTXt" ? parseText(type, data) : null;
    if (text && !texts.has(text[0])) texts.set(text[0], text[1]);
  }
  return texts;
}

function* chunks(png: Uint8Array): Generator<Chunk> {
  if (!SIGNATURE.every((byte, i) => png[i] === byte)) throw new SyntaxError("no PNG signature");
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  for (let at = 8; at + 12 <= png.length;) {
    const end = at + 12 + view.getUint32(at);
    if (end > png.length) return; // cut off: what is whole was given
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    yield { type, data: png.subarray(at + 8, end - 4), end };
    at = end;
  }
}

function textChunk(key: string, value: string): Uint8Array {
  const name = latin1(key);
  if (name === null || name.length < 1 || name.length > 79 || name.includes(0)) {
    throw new RangeError(`${JSON.stringify(key)} is no key for a PNG text`);
  }
  if (value.includes("\0")) throw new RangeError(`the PNG text ${key} has a zero character in it`);
  const plain = latin1(value);
  if (plain !== null) return chunk("tEXt", [...name, 0], plain);
  // not compressed, no language, no translated key
  return chunk("iTXt", [...name, 0, 0, 0, 0, 0], new TextEncoder().encode(value));
}

function chunk(type: string, head: readonly number[], tail: Uint8Array): Uint8Array {
  const length = head.length + tail.length;
  const out = new Uint8Array(12 + length), view = new DataView(out.buffer);
  view.setUint32(0, length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(head, 8);
  out.set(tail, 8 + head.length);
  view.setUint32(8 + length, crc32(out.subarray(4, 8 + length)));
  return out;
}

function parseText(type: string, data: Uint8Array): [string, string] | null {
  const zero = data.indexOf(0);
  if (zero < 1 || zero > 79) return null;
  const key = fromLatin1(data.subarray(0, zero)), rest = data.subarray(zero + 1);
  if (type === "tEXt") return [key, fromLatin1(rest)];
  if (type === "zTXt") {
    const text = inflate(rest.subarray(1));
    return text && [key, fromLatin1(text)];
  }
  const language = rest.indexOf(0, 2);
  const translated = language < 0 ? -1 : rest.indexOf(0, language + 1);
  if (translated < 0) return null;
  const body = rest.subarray(translated + 1);
  const text = rest[0] === 1 ? inflate(body) : body;
  return text && [key, new TextDecoder().decode(text)];
}

function inflate(bytes: Uint8Array): Uint8Array | null {
  try {
    return inflateSync(bytes, { maxOutputLength: MAX_TEXT });
  } catch {
    return null;
  }
}

/** Latin-1 bytes, or null when some character has none. */
function latin1(text: string): Uint8Array | null {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) return null;
    out[i] = code;
  }
  return out;
}

/** TextDecoder's "latin1" is windows-1252, which is another thing. */
function fromLatin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}
