/** Decoded images as plain bytes, and the little arithmetic every format shares. */

import { bytesText } from "../base/bytes.ts";
import { HOW_TO_LIFT, limit } from "../base/limits.ts";

/** 8 bits a channel, rows from the top, `data` is (height, width, channels); 4 channels are RGBA, not premultiplied. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Uint8Array;
}

/** What an image file says about itself before its pixels are decoded. */
export interface ImageHeader {
  readonly format: "png" | "jpeg" | "webp" | "bmp" | "avif" | "jxl";
  /** As stored, before any rotation. */
  readonly width: number;
  readonly height: number;
  /** EXIF orientation, 1 (upright) to 8. */
  readonly orientation: number;
  /** Memory that decoding takes for a pixel, the pixel itself included. */
  readonly bytesPerPixel: number;
}

/** A file that is no image, or a damaged one; the message names no file: whoever opened it does. */
export class ImageError extends Error {
  override name = "ImageError";
}

/** Pillow's limit: more is taken for an attack on the memory. */
const MAX_PIXELS = 178956970;
/** JPEG's limit, twice. */
const MAX_SIDE = 131070;

export function checkSize(width: number, height: number): void {
  if (width < 1 || height < 1) throw new ImageError(`has no pixels (${width}x${height})`);
  if (width * height > limit(MAX_PIXELS) || Math.max(width, height) > limit(MAX_SIDE)) {
    throw new ImageError(`claims ${width}x${height} pixels, too many; ${HOW_TO_LIFT}`);
  }
}

/** Memory that any file may ask for, and what it may ask for with each of its bytes. */
const FREE_MEMORY = 384 * 2 ** 20, MEMORY_PER_BYTE = 384;

/** Throws ImageError where a file of `bytes` bytes wants much more memory than such a file has use for. */
export function checkMemory({ width, height, bytesPerPixel }: ImageHeader, bytes: number): void {
  const memory = width * height * bytesPerPixel;
  if (memory <= limit(Math.max(FREE_MEMORY, bytes * MEMORY_PER_BYTE))) return;
  throw new ImageError(
    `claims ${width}x${height} pixels, which take ${bytesText(memory)}, in a file of ${
      bytesText(bytes)
    }; ${HOW_TO_LIFT}`,
  );
}

/**
 * RGBA to RGB by forgetting alpha, as Pillow's convert("RGB") does. `into` may be the image's own memory, where nobody
 * else wants the image any more.
 */
export function dropAlpha(image: Pixels, into?: Uint8Array): Pixels {
  if (image.channels === 3) return image;
  const { width, height, data } = image, size = width * height * 3;
  const out = into?.subarray(0, size) ?? new Uint8Array(size);
  for (let i = 0, o = 0; o < size; i += 4, o += 3) {
    out[o] = data[i];
    out[o + 1] = data[i + 1];
    out[o + 2] = data[i + 2];
  }
  return { width, height, channels: 3, data: out };
}

/** RGB to RGBA, opaque. */
export function addAlpha(image: Pixels): Pixels {
  if (image.channels === 4) return image;
  const { width, height, data } = image;
  const out = new Uint8Array(width * height * 4);
  for (let i = 0, o = 0; o < out.length; i += 3, o += 4) {
    out[o] = data[i];
    out[o + 1] = data[i + 1];
    out[o + 2] = data[i + 2];
    out[o + 3] = 255;
  }
  return { width, height, channels: 4, data: out };
}

/** The part of `image` that starts at (left, top). Throws RangeError when it reaches over the edge. */
export function crop(image: Pixels, left: number, top: number, width: number, height: number): Pixels {
  if (left === 0 && top === 0 && width === image.width && height === image.height) return image;
  if (left < 0 || top < 0 || left + width > image.width || top + height > image.height) {
    throw new RangeError(
      `crop ${width}x${height} at ${left},${top} leaves the image of ${image.width}x${image.height}`,
    );
  }
  const c = image.channels;
  const out = new Uint8Array(width * height * c);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * c;
    out.set(image.data.subarray(from, from + width * c), y * width * c);
  }
  return { width, height, channels: c, data: out };
}

/** Mirrors left and right. */
export function flip(image: Pixels): Pixels {
  const { width, height, channels: c, data } = image;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * c, to = (y * width + width - 1 - x) * c;
      for (let k = 0; k < c; k++) out[to + k] = data[from + k];
    }
  }
  return { width, height, channels: c, data: out };
}
