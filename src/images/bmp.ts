/** Windows bitmaps: 1, 4, 8, 16, 24 and 32 bits, run-length and bit-field encodings (BITMAPINFOHEADER and later). */

import { checkSize, ImageError, type ImageHeader, type Pixels } from "./pixels.ts";

const RGB = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHABITFIELDS = 6;

interface Bmp {
  width: number;
  height: number;
  topDown: boolean;
  bits: number;
  compression: number;
  /** Red, green, blue, alpha for 16 and 32 bits; 0 where a channel is absent. */
  masks: number[];
  palette: Uint8Array; // BGR or BGRx entries
  entry: number;
  offset: number;
}

export function isBmp(bytes: Uint8Array): boolean {
  return bytes[0] === 0x42 && bytes[1] === 0x4d;
}

export function probeBmp(bytes: Uint8Array): ImageHeader {
  const { width, height } = readHeader(bytes);
  // the indices of a palette, and RGBA
  return { format: "bmp", width, height, orientation: 1, bytesPerPixel: 5 };
}

/** Decodes to RGBA. Throws ImageError. */
export function decodeBmp(bytes: Uint8Array): Pixels {
  const bmp = readHeader(bytes);
  const { width, height } = bmp;
  const packed = bytes.subarray(bmp.offset);
  const out = new Uint8Array(width * height * 4);
  if (bmp.bits <= 8) {
    const indices = bmp.compression === RGB ? unpackIndices(packed, bmp) : runLengths(packed, bmp);
    paintPalette(out, indices, bmp);
  } else paintDirect(out, packed, bmp);
  return { width, height, channels: 4, data: out };
}

function readHeader(bytes: Uint8Array): Bmp {
  if (bytes.length < 26) throw new ImageError("is cut off in its header");
  const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const offset = v.getUint32(10, true), size = v.getUint32(14, true), old = size === 12;
  if (!old && (size < 40 || bytes.length < 14 + Math.min(size, 40))) {
    throw new ImageError("has a damaged header");
  }
  const width = old ? v.getUint16(18, true) : v.getInt32(18, true);
  const signedHeight = old ? v.getInt16(20, true) : v.getInt32(22, true);
  const bits = v.getUint16(old ? 24 : 28, true);
  const compression = old ? RGB : v.getUint32(30, true);
  const height = Math.abs(signedHeight);
  checkSize(width, height);
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw new ImageError(`has ${bits} bits a pixel`);
  const known = compression === RGB || compression === RLE8 && bits === 8 ||
    compression === RLE4 && bits === 4 ||
    (compression === BITFIELDS || compression === ALPHABITFIELDS) && (bits === 16 || bits === 32);
  if (!known) {
    throw new ImageError(`has compression ${compression} with ${bits} bits, which is not supported`);
  }

  let masks = bits === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0];
  if (compression >= BITFIELDS) {
    const withAlpha = size >= 56 || compression === ALPHABITFIELDS;
    if (bytes.length < 54 + (withAlpha ? 16 : 12)) throw new ImageError("is cut off in its header");
    masks = [54, 58, 62].map((at) => v.getUint32(at, true));
    masks.push(withAlpha ? v.getUint32(66, true) : 0);
  }
  const entry = old ? 3 : 4, start = 14 + size + (compression === BITFIELDS && size === 40 ? 12 : 0);
  const colors = bits > 8 ? 0 : (old ? 0 : v.getUint32(46, true)) || 1 << bits;
  const palette = bytes.subarray(start, Math.min(start + colors * entry, offset || bytes.length));
  return { width, height, topDown: signedHeight < 0, bits, compression, masks, palette, entry, offset };
}

function rowAt(y: number, bmp: Bmp): number {
  return bmp.topDown ? y : bmp.height - 1 - y;
}

function need(packed: Uint8Array, bytes: number): void {
  if (packed.length < bytes) throw new ImageError("is cut off in its pixels");
}

function unpackIndices(packed: Uint8Array, { width, height, bits }: Bmp): Uint8Array {
  const stride = Math.ceil(width * bits / 32) * 4, perByte = 8 / bits, mask = (1 << bits) - 1;
  need(packed, stride * height);
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = packed[y * stride + Math.floor(x / perByte)];
      out[y * width + x] = byte >> (8 - bits * (x % perByte + 1)) & mask;
    }
  }
  return out;
}

/** Rows in file order; pixels that the runs jump over stay 0. */
function runLengths(packed: Uint8Array, { width, height, bits }: Bmp): Uint8Array {
  const out = new Uint8Array(width * height);
  let x = 0, y = 0;
  const put = (value: number) => {
    if (x < width && y < height) out[y * width + x] = value;
    x++;
  };
  for (let at = 0; y < height;) {
    need(packed, at + 2);
    const count = packed[at++], value = packed[at++];
    if (count > 0) {
      for (let i = 0; i < count; i++) put(bits === 8 ? value : i % 2 ? value & 15 : value >> 4);
    } else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) {
      need(packed, at + 2);
      x += packed[at++];
      y += packed[at++];
    } else {
      const size = bits === 8 ? value : Math.ceil(value / 2);
      need(packed, at + size);
      for (let i = 0; i < value; i++) {
        put(bits === 8 ? packed[at + i] : i % 2 ? packed[at + (i >> 1)] & 15 : packed[at + (i >> 1)] >> 4);
      }
      at += size + (size & 1);
    }
  }
  return out;
}

function paintPalette(out: Uint8Array, indices: Uint8Array, bmp: Bmp): void {
  const { width, height, palette, entry } = bmp;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const color = indices[y * width + x] * entry, o = (rowAt(y, bmp) * width + x) * 4;
      for (let k = 0; k < 3; k++) out[o + k] = palette[color + 2 - k] ?? 0;
      out[o + 3] = 255;
    }
  }
}

function paintDirect(out: Uint8Array, packed: Uint8Array, bmp: Bmp): void {
  const { width, height, bits, masks } = bmp;
  const bytes = bits / 8, stride = Math.ceil(width * bits / 32) * 4;
  need(packed, stride * (height - 1) + width * bytes);
  const channels = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, top: mask >>> shift };
  });
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * stride + x * bytes, o = (rowAt(y, bmp) * width + x) * 4;
      if (bits === 24) {
        for (let k = 0; k < 3; k++) out[o + k] = packed[i + 2 - k];
        out[o + 3] = 255;
        continue;
      }
      let value = packed[i] | packed[i + 1] << 8;
      if (bits === 32) value = (value | packed[i + 2] << 16 | packed[i + 3] << 24) >>> 0;
      for (let k = 0; k < 4; k++) {
        const { mask, shift, top } = channels[k];
        const part = (value & mask) >>> shift;
        out[o + k] = top === 0 ? (k === 3 ? 255 : 0) : top === 255 ? part : Math.floor(part * 255 / top);
      }
    }
  }
}
