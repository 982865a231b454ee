/** Writes PNG files (ISO 15948), with text in them: what drew the picture can be read off it. */

import { crc32, deflateSync } from "node:zlib";
import { joined } from "../base/joined.ts";

/** Rows of grey, RGB or RGBA pixels, 0 to 255: how many bytes there are says which. */
export interface ByteRows {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** PNG's number for one, three and four bytes a pixel. */
const COLOUR_TYPES: Readonly<Record<number, number>> = { 1: 0, 3: 2, 4: 6 };

/**
 * A picture as an 8-bit file; `texts` are key and value, Latin-1 as tEXt, the rest as iTXt. Throws TypeError when the
 * data do not fill the picture.
 */
export function encodePng(
  { width, height, data }: ByteRows,
  texts: Iterable<readonly [string, string]> = [],
): Uint8Array {
  const channels = data.length / (width * height), colours = COLOUR_TYPES[channels];
  if (colours === undefined) {
    throw new TypeError(`encodePng: ${data.length} bytes are no ${width}x${height} picture`);
  }
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, colours, 0, 0, 0], 8); // 8 bits, colours, deflate, filters, not interlaced
  const chunks = [chunk("IHDR", header)];
  for (const [key, value] of texts) chunks.push(textChunk(key, value));
  chunks.push(
    chunk("IDAT", deflateSync(filtered(data, width * channels, channels), { level: 6 })),
    chunk("IEND", new Uint8Array()),
  );
  return joined(Uint8Array, [Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), ...chunks]);
}

function textChunk(key: string, value: string): Uint8Array {
  const latin = Array.from(value, (c) => c.codePointAt(0)!);
  if (latin.every((code) => code > 0 && code < 256)) {
    return chunk("tEXt", joined(Uint8Array, [ascii(key), [0], latin]));
  }
  // key, NUL, not compressed (2 bytes), no language (NUL), no translated key (NUL), UTF-8
  return chunk(
    "iTXt",
    joined(Uint8Array, [ascii(key), [0, 0, 0, 0, 0], new TextEncoder().encode(value.replaceAll("\0", ""))]),
  );
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(body.length + 12), view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  out.set(ascii(type), 4);
  out.set(body, 8);
  view.setUint32(body.length + 8, crc32(out.subarray(4, body.length + 8)));
  return out;
}

/** Each row by the filter (none, left, up, Paeth) whose differences are smallest: what compresses best, mostly. */
function filtered(data: ByteRows["data"], row: number, channels: number): Uint8Array {
  const height = data.length / row, out = new Uint8Array((row + 1) * height);
  const trial = new Uint8Array(row);
  const above = (i: number, y: number) => y === 0 ? 0 : data[(y - 1) * row + i];
  for (let y = 0; y < height; y++) {
    const start = y * row, target = y * (row + 1);
    let best = Infinity;
    for (const filter of [0, 1, 2, 4]) {
      let sum = 0;
      for (let i = 0; i < row; i++) {
        const left = i < channels ? 0 : data[start + i - channels];
        let guess = 0;
        if (filter === 1) guess = left;
        else if (filter === 2) guess = above(i, y);
        else if (filter === 4) guess = paeth(left, above(i, y), i < channels ? 0 : above(i - channels, y));
        const difference = (data[start + i] - guess) & 255;
        trial[i] = difference;
        sum += difference < 128 ? difference : 256 - difference;
      }
      if (sum < best) {
        best = sum;
        out[target] = filter;
        out.set(trial, target + 1);
      }
    }
  }
  return out;
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
