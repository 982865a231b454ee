/**
 * JPEG through mozjpeg (libjpeg-turbo's arithmetic, so the bytes equal Pillow's); CMYK and YCCK through ImageScript,
 * within one step of Pillow. The markers are read here: size, orientation, and whether the file is whole.
 */

import { orientationFromTiff } from "./exif.ts";
import { checkSize, ImageError, type ImageHeader, type Pixels } from "./pixels.ts";
import { withCodec } from "./codecs/wasm.ts";

const SOI = 0xd8, EOI = 0xd9, SOS = 0xda, APP1 = 0xe1;
/** Start-of-frame markers: C0 to CF without DHT, JPG and DAC. */
const isFrame = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** RGBA in the decoder and outside of it, and three coefficients of two bytes. */
const BYTES_PER_PIXEL = 14;

/** Encoders make ten or so; each is a walk over the whole picture, however little it says. */
const MAX_SCANS = 200;

export interface JpegHeader extends ImageHeader {
  readonly components: number;
}

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === SOI && bytes[2] === 0xff;
}

/** Reads up to the frame header; null when `bytes` ends before it. Throws ImageError. */
export function probeJpeg(bytes: Uint8Array): JpegHeader | null {
  let orientation = 1;
  for (let at = 2; at + 4 <= bytes.length;) {
    if (bytes[at] !== 0xff) throw new ImageError("is damaged: no marker where one should be");
    const marker = bytes[at + 1];
    if (marker === 0xff) { // fill byte
      at++;
      continue;
    }
    const length = bytes[at + 2] << 8 | bytes[at + 3];
    const body = bytes.subarray(at + 4, at + 2 + length);
    if (isFrame(marker)) {
      if (body.length < 6) return null;
      const height = body[1] << 8 | body[2], width = body[3] << 8 | body[4];
      if (body[0] !== 8) throw new ImageError(`has ${body[0]} bits a sample; only 8 are supported`);
      checkSize(width, height);
      return {
        format: "jpeg",
        width,
        height,
        orientation,
        components: body[5],
        bytesPerPixel: BYTES_PER_PIXEL,
      };
    }
    if (marker === SOS || marker === EOI) throw new ImageError("has no frame header");
    if (marker === APP1 && String.fromCharCode(...body.subarray(0, 6)) === "Exif\0\0") {
      orientation = orientationFromTiff(body.subarray(6));
    }
    at += 2 + length;
  }
  return null;
}

/** Decodes to RGBA, as stored (not rotated). Throws ImageError. */
export async function decodeJpeg(bytes: Uint8Array): Promise<Pixels> {
  const header = probeJpeg(bytes);
  if (!header) throw new ImageError("is cut off before its picture");
  // mozjpeg fills what is missing with grey and only warns; Pillow refuses such files, and so do we.
  if (!reachesEnd(bytes)) throw new ImageError("is cut off: it has no end marker");
  try {
    return header.components === 4 ? await decodeCmyk(bytes) : await decodeYcc(bytes, header);
  } catch (cause) {
    if (cause instanceof ImageError) throw cause;
    throw new ImageError("cannot be decoded", { cause });
  }
}

async function decodeYcc(bytes: Uint8Array, header: JpegHeader): Promise<Pixels> {
  const { default: decode, init } = await import("@jsquash/jpeg/decode.js");
  const codec = { specifier: "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm", init };
  const { width, height, data } = await withCodec(codec, header, () => decode(exactBuffer(bytes)));
  return { width, height, channels: 4, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
}

async function decodeCmyk(bytes: Uint8Array): Promise<Pixels> {
  const { Image } = await import("imagescript");
  const { width, height, bitmap } = await Image.decode(bytes);
  return { width, height, channels: 4, data: new Uint8Array(bitmap) };
}

/** Walks all segments and scans; true when an end marker follows them. Throws ImageError for too many scans. */
function reachesEnd(bytes: Uint8Array): boolean {
  let at = 2, scans = 0;
  while (at + 2 <= bytes.length) {
    const next = bytes.indexOf(0xff, at);
    if (next < 0 || next + 1 >= bytes.length) return false;
    const marker = bytes[next + 1];
    // Inside a scan: stuffed zero, restart markers and fill bytes are data.
    if (marker === 0 || marker === 0xff || marker >= 0xd0 && marker <= 0xd8 || marker === 1) {
      at = marker === 0xff ? next + 1 : next + 2;
    } else if (marker === EOI) return true;
    else if (marker === SOS && ++scans > MAX_SCANS) throw new ImageError(`has more than ${MAX_SCANS} scans`);
    else at = next + 2 + (bytes[next + 2] << 8 | bytes[next + 3]);
  }
  return false;
}

/** The package reads whole ArrayBuffers, so a view into a larger one is copied. */
export function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, length } = bytes;
  if (byteOffset === 0 && buffer.byteLength === length && buffer instanceof ArrayBuffer) return buffer;
  return bytes.slice().buffer as ArrayBuffer;
}
