/**
 * PNG of every colour type and depth, Adam7 included (PNG specification, third edition). Written here because no
 * package decodes 16-bit, palette with transparency and interlaced files without changing their values.
 */

import { inflateSync } from "node:zlib";
import { joined } from "../base/joined.ts";
import { crc32 } from "../formats/crc32.ts";
import { orientationFromTiff } from "./exif.ts";
import { checkSize, ImageError, type ImageHeader, type Pixels } from "./pixels.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGBA = 6;
const CHANNELS: Record<number, number> = { [GREY]: 1, [RGB]: 3, [PALETTE]: 1, [GREY_ALPHA]: 2, [RGBA]: 4 };
const DEPTHS: Record<number, number[]> = {
  [GREY]: [1, 2, 4, 8, 16],
  [RGB]: [8, 16],
  [PALETTE]: [1, 2, 4, 8],
  [GREY_ALPHA]: [8, 16],
  [RGBA]: [8, 16],
};
/** Start and step in x and y of Adam7's seven passes. */
const ADAM7 = [
  ...[[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4]],
  ...[[0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]],
];

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

interface Png {
  width: number;
  height: number;
  depth: number;
  color: number;
  interlaced: boolean;
  palette: Uint8Array;
  transparency: Uint8Array | null;
  data: Uint8Array[];
  orientation: number;
}

/** Size and orientation from the start of a file; `bytes` may end anywhere behind IHDR. */
export function probePng(bytes: Uint8Array): ImageHeader {
  const png = readChunks(bytes, true), { width, height, orientation } = png;
  // the file's own samples, and RGBA
  const bytesPerPixel = CHANNELS[png.color] * png.depth / 8 + 4;
  return { format: "png", width, height, orientation, bytesPerPixel };
}

/**
 * Decodes to RGBA, or to RGB where the file is plain RGB. 16-bit samples keep their high byte; with `clipGrey16` 16-bit
 * grey is cut at 255 instead, as Pillow's convert() does. Throws ImageError.
 */
export function decodePng(bytes: Uint8Array, clipGrey16 = false): Pixels {
  const png = readChunks(bytes, false);
  const raw = inflate(png);
  const direct = !png.interlaced && png.depth === 8 && !png.transparency;
  if (direct && (png.color === RGB || png.color === RGBA)) {
    const size = png.height * (1 + rowBytes(png, png.width));
    const data = unfilter(raw.subarray(0, size), png.height, png);
    return { width: png.width, height: png.height, channels: png.color === RGB ? 3 : 4, data };
  }
  const out = new Uint8Array(png.width * png.height * 4), paint = painter(out, png, clipGrey16);
  let at = 0;
  for (const [x0, y0, dx, dy] of png.interlaced ? ADAM7 : [[0, 0, 1, 1]]) {
    const w = Math.ceil((png.width - x0) / dx), h = Math.ceil((png.height - y0) / dy);
    if (w <= 0 || h <= 0) continue;
    const row = rowBytes(png, w), size = h * (1 + row);
    const rows = unfilter(raw.subarray(at, at + size), h, png), expand = expander(w, png);
    at += size;
    for (let y = 0; y < h; y++) {
      const samples = expand(rows.subarray(y * row, (y + 1) * row));
      paint(samples, w, ((y0 + y * dy) * png.width + x0) * 4, dx * 4);
    }
  }
  return { width: png.width, height: png.height, channels: 4, data: out };
}

function readChunks(bytes: Uint8Array, headerOnly: boolean): Png {
  if (!isPng(bytes)) throw new ImageError("is not a PNG file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let png: Png | null = null, ended = false;
  for (let at = 8; at + 8 <= bytes.length && !ended;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 8 + length;
    if (end + 4 > bytes.length) {
      if (headerOnly && png) break;
      throw new ImageError(`is cut off in its ${type} chunk`);
    }
    const body = bytes.subarray(at + 8, end);
    const critical = type[0] < "a";
    if (critical && view.getUint32(end) !== crc32(bytes.subarray(at + 4, end))) {
      throw new ImageError(`is damaged: wrong checksum of its ${type} chunk`);
    }
    if (type === "IHDR") png = readHeader(body);
    else if (!png) throw new ImageError("has no IHDR chunk at its start");
    else if (type === "PLTE") png.palette = body;
    else if (type === "tRNS") png.transparency = body;
    else if (type === "eXIf") png.orientation = orientationFromTiff(body);
    else if (type === "IDAT") {
      if (headerOnly) break;
      png.data.push(body);
    } else if (type === "IEND") ended = true;
    at = end + 4;
  }
  if (!png) throw new ImageError("has no IHDR chunk");
  if (!headerOnly && png.data.length === 0) throw new ImageError("has no pixel data");
  if (!headerOnly && png.color === PALETTE && png.palette.length < 3) throw new ImageError("has no palette");
  return png;
}

function readHeader(body: Uint8Array): Png {
  if (body.length !== 13) throw new ImageError("has a damaged IHDR chunk");
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const width = view.getUint32(0), height = view.getUint32(4), depth = body[8], color = body[9];
  checkSize(width, height);
  if (!DEPTHS[color]?.includes(depth)) {
    throw new ImageError(`has colour type ${color} with ${depth} bits, which PNG does not know`);
  }
  if (body[10] !== 0 || body[11] !== 0 || body[12] > 1) throw new ImageError("has a damaged IHDR chunk");
  return {
    ...{ width, height, depth, color, interlaced: body[12] === 1, orientation: 1 },
    ...{ palette: new Uint8Array(0), transparency: null, data: [] },
  };
}

function rowBytes(png: Png, width: number): number {
  return Math.ceil(width * CHANNELS[png.color] * png.depth / 8);
}

function inflate(png: Png): Uint8Array {
  let expected = 0;
  for (const [x0, y0, dx, dy] of png.interlaced ? ADAM7 : [[0, 0, 1, 1]]) {
    const w = Math.ceil((png.width - x0) / dx), h = Math.ceil((png.height - y0) / dy);
    if (w > 0 && h > 0) expected += h * (1 + rowBytes(png, w));
  }
  const packed = png.data.length === 1 ? png.data[0] : joined(Uint8Array, png.data);
  let raw: Uint8Array;
  try {
    // One spare byte more than expected is let through, so that a few stray bytes do not cost the picture.
    // All of it goes into one buffer: pieces would have to be joined, and be there twice.
    raw = inflateSync(packed, { maxOutputLength: expected + 65536, chunkSize: expected + 65536 });
  } catch (cause) {
    throw new ImageError("has damaged or missing pixel data", { cause });
  }
  if (raw.length < expected) throw new ImageError("has too little pixel data");
  return raw;
}

/** Undoes the row filters in place; returns the rows, moved together without their filter bytes. */
function unfilter(raw: Uint8Array, height: number, png: Png): Uint8Array {
  const step = Math.max(1, CHANNELS[png.color] * png.depth >> 3);
  const row = raw.length / height - 1;
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)], from = y * (row + 1) + 1, to = y * row, up = to - row;
    if (filter > 4) throw new ImageError(`has row filter ${filter}, which PNG does not know`);
    raw.copyWithin(to, from, from + row);
    const line = raw.subarray(to, to + row);
    const above = y > 0 ? raw.subarray(up, up + row) : NO_ROW;
    if (filter === 1) { for (let i = step; i < row; i++) line[i] += line[i - step]; }
    else if (filter === 2) { for (let i = 0; i < above.length; i++) line[i] += above[i]; }
    else if (filter === 3) {
      for (let i = 0; i < row; i++) {
        line[i] += ((i >= step ? line[i - step] : 0) + (y > 0 ? above[i] : 0)) >> 1;
      }
    } else if (filter === 4) unfilterPaeth(line, above, step);
  }
  return raw.subarray(0, row * height);
}

const NO_ROW = new Uint8Array(0);

/** Adds whichever of left, above and above left is nearest to left + above - above left. */
function unfilterPaeth(line: Uint8Array, above: Uint8Array, step: number): void {
  if (above.length === 0) {
    for (let i = step; i < line.length; i++) line[i] += line[i - step];
    return;
  }
  for (let i = 0; i < step && i < line.length; i++) line[i] += above[i];
  for (let i = step; i < line.length; i++) {
    const a = line[i - step], b = above[i], c = above[i - step];
    const pa = Math.abs(b - c), pb = Math.abs(a - c), pc = Math.abs(a + b - 2 * c);
    line[i] += pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  }
}

type Samples = Uint8Array | Uint16Array;

/** Makes one number a sample of a row's bytes, unscaled: packed bits spread, 16-bit joined. */
function expander(width: number, png: Png): (row: Uint8Array) => Samples {
  const count = width * CHANNELS[png.color], { depth } = png;
  if (depth === 8) return (row) => row;
  if (depth === 16) {
    const out = new Uint16Array(count);
    return (row) => {
      for (let i = 0; i < count; i++) out[i] = row[2 * i] << 8 | row[2 * i + 1];
      return out;
    };
  }
  const out = new Uint8Array(count), mask = (1 << depth) - 1, perByte = 8 / depth;
  return (row) => {
    for (let i = 0; i < count; i++) {
      out[i] = row[Math.floor(i / perByte)] >> (8 - depth * (i % perByte + 1)) & mask;
    }
    return out;
  };
}

/** Paints a row of samples as RGBA: the first pixel at `start`, each further one `step` bytes on. */
function painter(
  out: Uint8Array,
  png: Png,
  clipGrey16: boolean,
): (samples: Samples, width: number, start: number, step: number) => void {
  const { color, depth, palette, transparency } = png;
  const n = CHANNELS[color];
  const toByte = depth === 16
    ? (v: number) => v >> 8
    : depth === 8
    ? (v: number) => v
    : (v: number) => v * 255 / ((1 << depth) - 1);
  const grey = depth === 16 && clipGrey16 && color === GREY ? (v: number) => Math.min(v, 255) : toByte;
  const key = transparency && color !== PALETTE ? keyColor(transparency, n) : null;
  return (samples, width, start, step) => {
    for (let x = 0, i = 0, o = start; x < width; x++, i += n, o += step) {
      const v = samples[i];
      let alpha = 255;
      if (color === PALETTE) {
        for (let k = 0; k < 3; k++) out[o + k] = palette[v * 3 + k] ?? 0;
        alpha = transparency?.[v] ?? 255;
      } else if (n < 3) {
        out[o] = out[o + 1] = out[o + 2] = grey(v);
        if (n === 2) alpha = toByte(samples[i + 1]);
        else if (key && v === key[0]) alpha = 0;
      } else {
        for (let k = 0; k < 3; k++) out[o + k] = toByte(samples[i + k]);
        if (n === 4) alpha = toByte(samples[i + 3]);
        else if (key && v === key[0] && samples[i + 1] === key[1] && samples[i + 2] === key[2]) alpha = 0;
      }
      out[o + 3] = alpha;
    }
  };
}

/** tRNS of grey and RGB files: the one colour that is see-through. */
function keyColor(transparency: Uint8Array, channels: number): number[] | null {
  if (transparency.length < channels * 2) return null;
  return Array.from({ length: channels }, (_, k) => transparency[2 * k] << 8 | transparency[2 * k + 1]);
}
