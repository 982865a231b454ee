/** Pictures as files of the kind that their name ends in. JPEG and WebP through the encoders beside the decoders' own. */

import { extname } from "node:path";
import { UsageError } from "../base/errors.ts";
import { atomicWriteFile } from "../base/files/atomic.ts";
import { listed } from "../base/phrases.ts";
import type { ByteRows } from "./png_file.ts";
import { encodePng } from "./png_file.ts";
import { withCodec } from "./wasm.ts";

interface Quality {
  /** Of JPEG, 1 to 100. */
  readonly jpeg: number;
}

type Encode = (picture: ByteRows, quality: Quality) => Uint8Array | Promise<Uint8Array>;

const ENCODERS: Readonly<Record<string, Encode>> = {
  ".png": (picture) => encodePng(picture),
  ".jpg": encodeJpeg,
  ".jpeg": encodeJpeg,
  ".webp": encodeWebp,
  ".bmp": encodeBmp,
};

/** Throws UsageError for a name whose ending is that of no picture that can be written. */
export function checkPictureName(name: string, path: string): void {
  if (Object.hasOwn(ENCODERS, extname(path).toLowerCase())) return;
  throw new UsageError(
    `${name} ${path}: its ending says no kind of picture; give ${listed(Object.keys(ENCODERS), "or")}`,
  );
}

/** Writes grey, RGB or RGBA rows atomically; JPEG and BMP forget alpha, WebP is lossless. */
export async function writePicture(
  path: string,
  picture: ByteRows,
  quality: Quality = { jpeg: 95 },
): Promise<void> {
  checkPictureName("the picture", path);
  atomicWriteFile(path, await ENCODERS[extname(path).toLowerCase()](picture, quality));
}

/** As libjpeg's own tools write it: baseline, colours at half the resolution, the standard tables. */
async function encodeJpeg(picture: ByteRows, { jpeg: quality }: Quality): Promise<Uint8Array> {
  const { default: encode, init } = await import("@jsquash/jpeg/encode.js");
  const codec = { specifier: "@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm", init };
  const options = { quality, baseline: true, progressive: false, quant_table: 0, auto_subsample: false };
  return new Uint8Array(await withCodec(codec, picture, () => encode(rgba(picture), options)));
}

async function encodeWebp(picture: ByteRows): Promise<Uint8Array> {
  const { default: encode, init } = await import("@jsquash/webp/encode.js");
  const codec = { specifier: "@jsquash/webp/codec/enc/webp_enc_simd.wasm", init };
  return new Uint8Array(
    await withCodec(codec, picture, () => encode(rgba(picture), { lossless: 1, exact: 1 })),
  );
}

/** 24 bits, rows from the bottom, padded to whole words. */
function encodeBmp(picture: ByteRows): Uint8Array {
  const { width, height } = picture, { data } = rgba(picture);
  const row = (width * 3 + 3) & ~3, out = new Uint8Array(54 + row * height), view = new DataView(out.buffer);
  out.set([0x42, 0x4d]);
  for (
    const [at, value] of [[2, out.length], [10, 54], [14, 40], [18, width], [22, height], [34, row * height]]
  ) {
    view.setUint32(at, value, true);
  }
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let y = 0; y < height; y++) {
    for (
      let x = 0, at = 54 + (height - 1 - y) * row, from = y * width * 4;
      x < width;
      x++, at += 3, from += 4
    ) {
      out.set([data[from + 2], data[from + 1], data[from]], at);
    }
  }
  return out;
}

/** What the codecs take. */
function rgba({ width, height, data }: ByteRows): ImageData {
  const count = width * height, channels = data.length / count, out = new Uint8ClampedArray(count * 4);
  for (let i = 0; i < count; i++) {
    const at = i * channels;
    for (let k = 0; k < 3; k++) out[i * 4 + k] = data[channels === 1 ? at : at + k];
    out[i * 4 + 3] = channels === 4 ? data[at + 3] : 255;
  }
  return { width, height, data: out, colorSpace: "srgb" } as ImageData;
}
