/** Pictures as files of the kind that their name ends in. JPEG and WebP through the encoders beside the decoders' own. */

import { extname } from "node:path";
import { UsageError } from "../base/errors.ts";
import { atomicWriteFile } from "../base/files/atomic.ts";
import { listed } from "../base/phrases.ts";
import type { ByteRows } from "./png_file.ts";
import { encodePng } from "./png_file.ts";
import { jpegWithComment, webpWithComment } from "./codecs/exif_comment.ts";
import { withCodec } from "./codecs/wasm.ts";

export interface Quality {
  /** Of JPEG, 1 to 100. */
  readonly jpeg: number;
  /** Of WebP, 1 to 100, which is without loss. Default 100. */
  readonly webp?: number;
}

/** Texts by their keys; JPEG and WebP hold the one called `parameters`, as the AUTOMATIC1111 web UI writes it. */
type Texts = readonly (readonly [key: string, text: string])[];

type Encode = (picture: ByteRows, quality: Quality, texts: Texts) => Uint8Array | Promise<Uint8Array>;

const ENCODERS: Readonly<Record<string, Encode>> = {
  ".png": (picture, _, texts) => encodePng(picture, texts),
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

/** Writes grey, RGB or RGBA rows atomically; JPEG and BMP forget alpha, and so does a WebP with texts. */
export async function writePicture(
  path: string,
  picture: ByteRows,
  quality: Quality = { jpeg: 95 },
  texts: Texts = [],
): Promise<void> {
  atomicWriteFile(path, await pictureBytes(path, picture, quality, texts));
}

/** What writePicture() writes. */
export async function pictureBytes(
  path: string,
  picture: ByteRows,
  quality: Quality = { jpeg: 95 },
  texts: Texts = [],
): Promise<Uint8Array> {
  checkPictureName("the picture", path);
  return await ENCODERS[extname(path).toLowerCase()](picture, quality, texts);
}

function comment(texts: Texts): string | undefined {
  return texts.find(([key]) => key === "parameters")?.[1];
}

/** As libjpeg's own tools write it: baseline, colours at half the resolution, the standard tables. */
async function encodeJpeg(
  picture: ByteRows,
  { jpeg: quality }: Quality,
  texts: Texts,
): Promise<Uint8Array> {
  const { default: encode, init } = await import("@jsquash/jpeg/encode.js");
  const codec = { specifier: "@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm", init };
  const options = { quality, baseline: true, progressive: false, quant_table: 0, auto_subsample: false };
  const jpeg = new Uint8Array(await withCodec(codec, picture, () => encode(rgba(picture), options)));
  const text = comment(texts);
  return text === undefined ? jpeg : jpegWithComment(jpeg, text);
}

async function encodeWebp(
  picture: ByteRows,
  { webp: quality = 100 }: Quality,
  texts: Texts,
): Promise<Uint8Array> {
  const { default: encode, init } = await import("@jsquash/webp/encode.js");
  const codec = { specifier: "@jsquash/webp/codec/enc/webp_enc_simd.wasm", init };
  const options = quality === 100 ? { lossless: 1, exact: 1 } : { quality };
  const webp = new Uint8Array(await withCodec(codec, picture, () => encode(rgba(picture), options)));
  const text = comment(texts);
  return text === undefined ? webp : webpWithComment(webp, picture, text);
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
