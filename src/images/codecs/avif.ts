/** AVIF through libavif compiled to WebAssembly; size and turn are read here, from the properties of the primary picture. */

import { exactBuffer } from "../jpeg.ts";
import { checkSize, ImageError, type ImageHeader, type Pixels } from "../pixels.ts";
import { withCodec } from "./wasm.ts";
import { boxes } from "./boxes.ts";

/** RGBA three times, and planes of 16 bits. */
const BYTES_PER_PIXEL = 20;

/** Turns against the clock in quarters -> EXIF orientations. */
const TURNS = [1, 8, 3, 6];

export function isAvif(bytes: Uint8Array): boolean {
  const brands = String.fromCharCode(...bytes.subarray(8, 64));
  return String.fromCharCode(...bytes.subarray(4, 8)) === "ftyp" && /^(.{4})*avi[fs]/s.test(brands);
}

/** Null where `bytes` ends before the properties. Throws ImageError. */
export function probeAvif(bytes: Uint8Array): ImageHeader | null {
  const meta = inside(bytes, "meta");
  if (meta === null) return null;
  const properties = inside(inside(meta.subarray(4), "iprp") ?? NONE, "ipco") ?? NONE; // meta begins with version and flags
  let width = 0, height = 0, turn = 0;
  for (const { type, body } of boxes(properties)) {
    if (type === "irot" && body.length > 0) turn = body[0] & 3;
    if (type !== "ispe" || body.length < 12) continue;
    const view = new DataView(body.buffer, body.byteOffset, body.length),
      [w, h] = [view.getUint32(4), view.getUint32(8)];
    if (w * h > width * height) [width, height] = [w, h]; // a grid is larger than its tiles, a picture than its thumbnail
  }
  if (width === 0) throw new ImageError("is damaged: it tells no size");
  checkSize(width, height);
  return { format: "avif", width, height, orientation: TURNS[turn], bytesPerPixel: BYTES_PER_PIXEL };
}

const NONE = new Uint8Array();

/** The whole body of the first box of a type; null where it is not there, or cut off. */
function inside(bytes: Uint8Array, type: string): Uint8Array | null {
  for (const box of boxes(bytes)) {
    if (box.type === type) return box.end <= bytes.length || box.end === Infinity ? box.body : null;
  }
  return null;
}

/** Decodes to RGBA of 8 bits, as stored. Throws ImageError. */
export async function decodeAvif(bytes: Uint8Array): Promise<Pixels> {
  const header = probeAvif(bytes);
  if (header === null) throw new ImageError("is cut off before its picture");
  const { default: decode, init } = await import("@jsquash/avif/decode.js");
  try {
    const codec = { specifier: "@jsquash/avif/codec/dec/avif_dec.wasm", init };
    const result = await withCodec(codec, header, () => decode(exactBuffer(bytes)));
    const { width, height, data } = result!;
    return { width, height, channels: 4, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  } catch (cause) {
    throw new ImageError("cannot be decoded", { cause });
  }
}
