/** Writes PNG pictures (ISO 15948): 8-bit RGB, no interlace. */

import { deflateSync } from "node:zlib";
import { crc32 } from "./crc32.ts";

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

/** pixels: (height, width, 3), 0..255 -> the file's bytes. Throws TypeError when they do not fill the picture. */
export function encodePng(pixels: Uint8Array | Uint8ClampedArray, width: number, height: number): Uint8Array {
  const stride = width * 3;
  if (pixels.length !== stride * height) {
    throw new TypeError(`encodePng: ${pixels.length} bytes are no ${width}x${height} RGB picture`);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2, 0, 0, 0], 8); // bit depth, RGB, deflate, adaptive filters, no interlace
  return join([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", new Uint8Array(deflateSync(filterRows(pixels, stride, height)))),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** Each row with whichever of the filters None, Sub and Up leaves the smallest sum of absolute differences. */
function filterRows(pixels: Uint8Array | Uint8ClampedArray, stride: number, height: number): Uint8Array {
  const out = new Uint8Array((stride + 1) * height);
  const rows = [0, 1, 2].map(() => new Uint8Array(stride));
  for (let y = 0; y < height; y++) {
    const at = y * stride;
    let best = 0, least = Infinity;
    for (let filter = 0; filter < 3; filter++) {
      let sum = 0;
      for (let x = 0; x < stride; x++) {
        const before = filter === 1 && x >= 3
          ? pixels[at + x - 3]
          : filter === 2 && y > 0
          ? pixels[at + x - stride]
          : 0;
        const v = (pixels[at + x] - before) & 255;
        rows[filter][x] = v;
        sum += v < 128 ? v : 256 - v;
      }
      if (sum < least) [least, best] = [sum, filter];
    }
    out[y * (stride + 1)] = best;
    out.set(rows[best], y * (stride + 1) + 1);
  }
  return out;
}

/** A chunk with its length and checksum. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
