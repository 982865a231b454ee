/** Opening image files: which format, how large, and the pixels. */

import { UserError } from "../base/errors.ts";
import { NoFile, openFile, refuseIrregular } from "../base/files/regular_file.ts";
import { HEAD as WHAT_HEAD, whatFile } from "../formats/what_file.ts";
import { decodeAvif, isAvif, probeAvif } from "./codecs/avif.ts";
import { boxesReachEnd } from "./codecs/boxes.ts";
import { decodeJxl, isBoxedJxl, isJxl, probeJxl } from "./codecs/jxl.ts";
import { decodeBmp, isBmp, probeBmp } from "./bmp.ts";
import { applyOrientation, swapsSides } from "./exif.ts";
import { decodeJpeg, isJpeg, probeJpeg } from "./jpeg.ts";
import { addAlpha, checkMemory, dropAlpha, ImageError, type ImageHeader, type Pixels } from "./pixels.ts";
import { decodePng, isPng, probePng } from "./png.ts";
import { decodeWebp, isWebp, probeWebp, webpClaimedSize, webpHasExif } from "./webp.ts";

/** Endings that are taken for images, in any letter case. */
export const IMAGE_EXTENSIONS = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif", ".jxl"];

/** A kind of image file. */
interface Format {
  is(bytes: Uint8Array): boolean;
  /** Null where the bytes end before the size. Throws ImageError. */
  probe(bytes: Uint8Array): ImageHeader | null;
  decode(bytes: Uint8Array, compat: boolean): Pixels | Promise<Pixels>;
}

const FORMATS: readonly Format[] = [
  { is: isPng, probe: probePng, decode: decodePng },
  { is: isJpeg, probe: probeJpeg, decode: decodeJpeg },
  { is: isWebp, probe: probeWebp, decode: decodeWebp },
  { is: isBmp, probe: probeBmp, decode: decodeBmp },
  { is: isAvif, probe: probeAvif, decode: decodeAvif },
  { is: isJxl, probe: probeJxl, decode: decodeJxl },
];

/** As they are called in an error. */
export const FORMAT_NAMES = "PNG, JPEG, WebP, BMP, AVIF or JPEG XL";

export interface LoadOptions {
  /** Four channels, opaque where the file has no alpha; otherwise alpha is forgotten. */
  alpha?: boolean;
  /** As sd-scripts 0.9.1 sees files: EXIF orientation ignored, 16-bit grey cut at 255. */
  compat?: boolean;
}

const HEAD = 65536;

/** An image file that cannot be read: `message` names it. */
export class UnreadableImage extends UserError {
  override name = "UnreadableImage";
  constructor(readonly path: string, cause: unknown) {
    super(cause instanceof NoFile ? cause.message : `${path}: ${reason(cause)}`, { cause });
  }

  /** One that another thread has met: `message` is whole. */
  static told(path: string, message: string): UnreadableImage {
    return new UnreadableImage(path, new NoFile(message));
  }
}

/** Decodes any supported file to 8-bit RGB, or RGBA with `alpha`. Throws UnreadableImage. */
export async function loadImage(path: string, options: LoadOptions = {}): Promise<Pixels> {
  try {
    refuseIrregular(path);
    return await decodeImage(await Deno.readFile(path), options);
  } catch (cause) {
    throw new UnreadableImage(path, cause);
  }
}

/** As loadImage(), for the bytes of a file. Throws ImageError. */
export async function decodeImage(bytes: Uint8Array, options: LoadOptions = {}): Promise<Pixels> {
  const { alpha = false, compat = false } = options;
  const format = formatOf(bytes), header = format.probe(bytes);
  if (header) checkMemory(header, bytes.length);
  let image = await format.decode(bytes, compat);
  image = alpha ? addAlpha(image) : dropAlpha(image, image.data);
  return compat ? image : applyOrientation(image, header?.orientation ?? 1);
}

/** Width and height as loadImage() will give them, from the head of the file. Throws UnreadableImage. */
export function probeSize(path: string, compat = false): { width: number; height: number } {
  try {
    const header = probeFile(path), { width, height, orientation } = header;
    checkMemory(header, Deno.statSync(path).size);
    const swap = !compat && swapsSides(orientation);
    return swap ? { width: height, height: width } : { width, height };
  } catch (cause) {
    throw new UnreadableImage(path, cause);
  }
}

/** Of the first bytes of a file: which format it is; null where it is none that is read. */
export function imageKind(bytes: Uint8Array): ImageHeader["format"] | null {
  try {
    return formatOf(bytes).probe(bytes)?.format ?? null;
  } catch {
    return null;
  }
}

/** False when the file certainly or possibly lacks its end, so that only a full decode can tell. Reads two pieces. */
export function looksWhole(path: string): boolean {
  const file = openFile(path);
  try {
    const size = file.statSync().size;
    const head = readAt(file, 0, 64), tail = readAt(file, Math.max(0, size - HEAD), HEAD);
    if (isPng(head)) return find(tail, [0x49, 0x45, 0x4e, 0x44]);
    if (isJpeg(head)) return find(tail, [0xff, 0xd9]);
    if (isWebp(head)) return webpClaimedSize(head) <= size;
    if (isAvif(head) || isBoxedJxl(head)) {
      return boxesReachEnd(size, (at, length) => readAt(file, at, Math.min(length, size - at)));
    }
    return false;
  } finally {
    file.close();
  }
}

function probeFile(path: string): ImageHeader {
  const file = openFile(path);
  try {
    const head = readAt(file, 0, HEAD);
    if (head.length === 0) throw new ImageError("is empty");
    // A frame header behind large metadata, or EXIF behind the pixels: then the whole file is read.
    const header = isWebp(head) && webpHasExif(head) ? null : formatOf(head).probe(head);
    if (header) return header;
    const whole = readAt(file, 0, file.statSync().size), all = formatOf(whole).probe(whole);
    if (all) return all;
    throw new ImageError("is cut off before its picture");
  } finally {
    file.close();
  }
}

function formatOf(bytes: Uint8Array): Format {
  const found = FORMATS.find((format) => format.is(bytes));
  if (found) return found;
  throw new ImageError(`is no ${FORMAT_NAMES} file${whatInstead(bytes)}`);
}

/** What else it is, where more is known than that it is some text. */
function whatInstead(bytes: Uint8Array): string {
  const what = whatFile(bytes.subarray(0, WHAT_HEAD), bytes.length);
  return what === null || what.startsWith("is plain text") ? "" : `; it ${what}`;
}

function readAt(file: Deno.FsFile, offset: number, length: number): Uint8Array {
  file.seekSync(offset, Deno.SeekMode.Start);
  const out = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const n = file.readSync(out.subarray(done));
    if (n === null) break;
    done += n;
  }
  return out.subarray(0, done);
}

function find(bytes: Uint8Array, wanted: number[]): boolean {
  for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}

function reason(cause: unknown): string {
  if (cause instanceof ImageError) return cause.message;
  if (cause instanceof Deno.errors.NotFound) return "no such file";
  if (cause instanceof RangeError) return "is damaged";
  return cause instanceof Error ? `cannot be read (${cause.message.split("\n")[0]})` : String(cause);
}
