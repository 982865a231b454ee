/** WebP, lossy and lossless, through libwebp compiled to WebAssembly; its header is read here. */

import { orientationFromTiff } from "./exif.ts";
import { exactBuffer } from "./jpeg.ts";
import { checkSize, ImageError, type ImageHeader, type Pixels } from "./pixels.ts";
import { withCodec } from "./codecs/wasm.ts";

/** RGBA three times: within a lossless decoder, of the decoder, and outside of it. */
const BYTES_PER_PIXEL = 12;

const ANIMATION = 0x02, EXIF = 0x08;

export function isWebp(bytes: Uint8Array): boolean {
  return tag(bytes, 0) === "RIFF" && tag(bytes, 8) === "WEBP";
}

/** Whether an EXIF chunk (which lies behind the pixels) has to be read for the orientation. */
export function webpHasExif(bytes: Uint8Array): boolean {
  return tag(bytes, 12) === "VP8X" && (bytes[20] & EXIF) !== 0;
}

/** File size the container claims, in bytes. */
export function webpClaimedSize(bytes: Uint8Array): number {
  return view(bytes).getUint32(4, true) + 8;
}

/** Size from the first chunk, orientation from an EXIF chunk when `bytes` reaches that far. Throws ImageError. */
export function probeWebp(bytes: Uint8Array): ImageHeader {
  if (bytes.length < 30) throw new ImageError("is cut off in its header");
  const v = view(bytes), kind = tag(bytes, 12);
  let width: number, height: number;
  if (kind === "VP8X") {
    if (bytes[20] & ANIMATION) throw new ImageError("is an animated WebP, which is not supported yet");
    width = 1 + (v.getUint32(24, true) & 0xffffff);
    height = 1 + (v.getUint32(26, true) >>> 8);
  } else if (kind === "VP8L") {
    const bits = v.getUint32(21, true);
    width = 1 + (bits & 0x3fff);
    height = 1 + (bits >>> 14 & 0x3fff);
  } else if (kind === "VP8 ") {
    width = v.getUint16(26, true) & 0x3fff;
    height = v.getUint16(28, true) & 0x3fff;
  } else throw new ImageError(`begins with a ${JSON.stringify(kind)} chunk, which WebP does not know`);
  checkSize(width, height);
  const orientation = webpHasExif(bytes) ? findOrientation(bytes) : 1;
  return { format: "webp", width, height, orientation, bytesPerPixel: BYTES_PER_PIXEL };
}

/** Decodes to RGBA, as stored. Throws ImageError. */
export async function decodeWebp(bytes: Uint8Array): Promise<Pixels> {
  const header = probeWebp(bytes);
  if (webpClaimedSize(bytes) > bytes.length) throw new ImageError("is cut off");
  const { default: decode, init } = await import("@jsquash/webp/decode.js");
  try {
    const codec = { specifier: "@jsquash/webp/codec/dec/webp_dec.wasm", init };
    const { width, height, data } = await withCodec(codec, header, () => decode(exactBuffer(bytes)));
    return { width, height, channels: 4, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  } catch (cause) {
    throw new ImageError("cannot be decoded", { cause });
  }
}

function findOrientation(bytes: Uint8Array): number {
  const v = view(bytes);
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = v.getUint32(at + 4, true);
    if (tag(bytes, at) === "EXIF") {
      const body = bytes.subarray(at + 8, at + 8 + length);
      return orientationFromTiff(tag(body, 0) === "Exif" ? body.subarray(6) : body);
    }
    at += 8 + length + (length & 1);
  }
  return 1;
}

function tag(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
