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
