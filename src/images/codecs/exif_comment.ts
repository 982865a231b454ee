/** A text in the EXIF of JPEG and WebP files, where web interfaces look for what drew a picture: UserComment. */

import { joined } from "../../base/joined.ts";

const EXIF_DIRECTORY = 0x8769, USER_COMMENT = 0x9286;
/** TIFF's numbers of types. */
const LONG = 4, UNDEFINED = 7;

/** What a JPEG segment holds beside its length. */
const SEGMENT = 0xffff - 2;
const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0];

/** A TIFF block, the high byte first, whose only entry is a comment in UTF-16: "UNICODE\0" before the text. */
export function commentTiff(text: string): Uint8Array {
  const comment = new Uint8Array(8 + 2 * text.length), letters = new DataView(comment.buffer);
  comment.set([...ascii("UNICODE"), 0]);
  for (let i = 0; i < text.length; i++) letters.setUint16(8 + 2 * i, text.charCodeAt(i));
  const head = new Uint8Array(44), view = new DataView(head.buffer);
  head.set(ascii("MM"));
  view.setUint16(2, 42);
  view.setUint32(4, 8); // where the first directory is
  directory(view, 8, EXIF_DIRECTORY, LONG, 1, 26);
  directory(view, 26, USER_COMMENT, UNDEFINED, comment.length, head.length);
  return joined(Uint8Array, [head, comment]);
}

/** A directory of one entry: tag, type, count, value or place; then no further one. */
function directory(
  view: DataView,
  at: number,
  tag: number,
  type: number,
  count: number,
  value: number,
): void {
  view.setUint16(at, 1);
  view.setUint16(at + 2, tag);
  view.setUint16(at + 4, type);
  view.setUint32(at + 6, count);
  view.setUint32(at + 10, value);
}

/** A JPEG with the text in an APP1 segment at its beginning; as it was where the text is longer than a segment. */
export function jpegWithComment(jpeg: Uint8Array, text: string): Uint8Array {
  const body = joined(Uint8Array, [EXIF, commentTiff(text)]), length = body.length + 2;
  if (body.length > SEGMENT) return jpeg;
  return joined(Uint8Array, [
    jpeg.subarray(0, 2),
    [0xff, 0xe1, length >> 8, length & 255],
    body,
    jpeg.subarray(2),
  ]);
}

/** A WebP file of one still, opaque picture in the extended form, with the text in its EXIF chunk. */
export function webpWithComment(
  webp: Uint8Array,
  { width, height }: { width: number; height: number },
  text: string,
): Uint8Array {
  const pixels = webp.subarray(12); // behind RIFF, size, WEBP: the picture's one chunk
  const extended = new Uint8Array(10), view = new DataView(extended.buffer);
  const HAS_EXIF = 0x08;
  extended[0] = HAS_EXIF;
  for (const [at, side] of [[4, width - 1], [7, height - 1]]) {
    view.setUint16(at, side & 0xffff, true);
    view.setUint8(at + 2, side >> 16);
  }
  const body = joined(Uint8Array, [
    ascii("WEBP"),
    chunk("VP8X", extended),
    pixels,
    chunk("EXIF", commentTiff(text)),
  ]);
  return chunk("RIFF", body);
}

/** Name, length, bytes, padded to an even number of them. */
function chunk(name: string, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(8 + body.length + (body.length & 1));
  out.set(ascii(name));
  new DataView(out.buffer).setUint32(4, body.length, true);
  out.set(body, 8);
  return out;
}

function ascii(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}

/** UserComment of a JPEG or WebP file's EXIF, whoever wrote it; null where there is none, or the file is damaged. */
export function commentOf(bytes: Uint8Array): string | null {
  try {
    const tiff = bytes[0] === 0xff ? tiffOfJpeg(bytes) : tiffOfWebp(bytes);
    return tiff && commentInTiff(tiff);
  } catch (cause) {
    if (cause instanceof RangeError) return null; // it claims to be longer than it is
    throw cause;
  }
}

function tiffOfJpeg(bytes: Uint8Array): Uint8Array | null {
  const SCAN = 0xda, APP1 = 0xe1;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== SCAN;) {
    const length = bytes[at + 2] << 8 | bytes[at + 3], body = bytes.subarray(at + 4, at + 2 + length);
    if (bytes[at + 1] === APP1 && EXIF.every((byte, i) => body[i] === byte)) {
      return body.subarray(EXIF.length);
    }
    at += 2 + Math.max(2, length);
  }
  return null;
}

function tiffOfWebp(bytes: Uint8Array): Uint8Array | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    name = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (name(0) !== "RIFF" || name(8) !== "WEBP") return null;
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4, true), body = bytes.subarray(at + 8, at + 8 + length);
    if (name(at) === "EXIF") {
      return EXIF.every((byte, i) => body[i] === byte) ? body.subarray(EXIF.length) : body;
    }
    at += 8 + length + (length & 1);
  }
  return null;
}

function commentInTiff(tiff: Uint8Array): string | null {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length), little = view.getUint16(0) === 0x4949;
  const entry = (directory: number, tag: number): number | null => {
    for (let i = 0, count = view.getUint16(directory, little); i < count; i++) {
      const at = directory + 2 + 12 * i;
      if (view.getUint16(at, little) === tag) return at;
    }
    return null;
  };
  const first = entry(view.getUint32(4, little), EXIF_DIRECTORY);
  const found = first === null ? null : entry(view.getUint32(first + 8, little), USER_COMMENT);
  if (found === null) return null;
  const length = view.getUint32(found + 4, little), begin = view.getUint32(found + 8, little);
  const kind = String.fromCharCode(...tiff.subarray(begin, begin + 8)).replaceAll("\0", "");
  const text = tiff.subarray(begin + 8, begin + length);
  if (kind !== "UNICODE") return new TextDecoder().decode(text);
  // in the block's order by the standard, in the other one by some programs: letters of prompts are below 0x0100, mostly
  const zeros = (odd: number) => text.filter((byte, i) => byte === 0 && (i & 1) === odd).length;
  return new TextDecoder(zeros(1) > zeros(0) ? "utf-16le" : "utf-16be").decode(text);
}
