// deno-lint-ignore-file no-control-regex -- first bytes of files are what is looked at
/**
 * What a file is that is not what its name says: downloads that went wrong, pointers in place of files, other formats.
 * Seen from its first bytes. For messages only; nothing is decided by it.
 */

import { pathHint } from "../base/files/path_hint.ts";
import { openFile } from "../base/files/regular_file.ts";

/** Bytes that are looked at. */
export const HEAD = 4096;

const AGAIN = "download it again";

/** First bytes, one character each, of what people bring. */
const MAGIC: readonly (readonly [RegExp, string])[] = [
  [/^GGUF/, "is a GGUF file, a quantised model of llama.cpp and stable-diffusion.cpp"],
  [/^(lmgg|tjgg|algg|fmgg)/, "is a GGML file, an older quantised model"],
  [/^\x89HDF\r\n\x1a\n/, "is an HDF5 file (Keras)"],
  [/^\x08[\x01-\x20]\x12[\x01-\x40][\x20-\x7e]/, "is an ONNX file"],
  [/^.{4}TFL3/s, "is a TensorFlow Lite file"],
  [/^\x93NUMPY/, "is a NumPy array"],
  [/^\x89PNG/, "is a picture (PNG)"],
  [/^\xff\xd8\xff/, "is a picture (JPEG)"],
  [/^GIF8[79]a/, "is a picture (GIF)"],
  [/^RIFF.{4}WEBP/s, "is a picture (WebP)"],
  [/^.{4}ftyp(avif|avis)/s, "is a picture (AVIF)"],
  [/^.{4}ftyp(heic|heix|hevc|mif1|msf1)/s, "is a picture (HEIC)"],
  [/^(\xff\x0a|\0\0\0\x0cJXL )/, "is a picture (JPEG XL)"],
  [/^(II\*\0|MM\0\*)/, "is a picture (TIFF)"],
  [/^8BPS/, "is a picture (Photoshop)"],
  [/^BM.{4}\0\0\0\0/s, "is a picture (BMP)"],
  [/^.{4}ftyp|^\x1aE\xdf\xa3|^RIFF.{4}AVI /s, "is a video"],
  [/^%PDF-/, "is a PDF"],
  [/^PK\x03\x04/, "is a ZIP archive"],
  [/^Rar!\x1a/, "is a RAR archive"],
  [/^7z\xbc\xaf\x27\x1c/, "is a 7z archive"],
  [/^(\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd)|^.{257}ustar/s, "is a packed archive"],
  [/^(\x7fELF|MZ)/, "is a program"],
];

/** How browsers and download tools call what is not finished. */
const UNFINISHED = /\.(aria2|crdownload|part|partial|download|opdownload|!qb|!ut|tmp|incomplete)$/i;

/**
 * What a file is and what to do, as the rest of a sentence about it; null for what is not known. `size` is that of the
 * whole file, `head` its first bytes.
 */
export function whatFile(head: Uint8Array, size: number): string | null {
  if (size === 0) return `is empty; ${AGAIN}`;
  const bytes = String.fromCharCode(...head.subarray(0, 300)); // TextDecoder's latin1 is another one
  const known = MAGIC.find(([pattern]) => pattern.test(bytes))?.[1];
  if (known) return known + (known.endsWith("archive") ? "; unpack it and give the file inside" : "");
  if (head.length > 16 && head.every((byte) => byte === 0)) {
    return `begins with zeros only, as downloads do whose place was kept but never filled; ${AGAIN}`;
  }
  return whatText(textOf(head));
}

/** The same for a file by its path, whose name tells too; null also for what cannot be read. */
export function whatFileIs(path: string): string | null {
  if (UNFINISHED.test(path)) return "is an unfinished download; wait for its end, or start it again";
  try {
    using file = openFile(path);
    const head = new Uint8Array(HEAD), count = file.readSync(head) ?? 0;
    return whatFile(head.subarray(0, count), file.statSync().size);
  } catch {
    return null;
  }
}

/** A text that stands in another's place: what it is, null where it may well be what was wanted. */
export function pageOrPointer(text: string): string | null {
  const start = text.slice(0, HEAD).trimStart();
  return [LFS, ANNEX, HTML].some((pattern) => pattern.test(start)) ? whatText(start) : null;
}

function textOf(head: Uint8Array): string {
  return new TextDecoder().decode(head).replace(/^\uFEFF/, "").trimStart();
}

const NO_TEXT = /[\x00-\x08\x0e-\x1f\x7f\ufffd]/;

function isText(text: string): boolean {
  return text !== "" && !NO_TEXT.test(text.slice(0, 1000));
}

const LFS = /^version https:\/\/(git-lfs\.github|hawser\.github)\.com\//;
const ANNEX = /^\S{0,200}annex\/objects\//;
const HTML = /^(<!--[^]*?-->\s*|<\?xml[^]*?\?>\s*)*(<!doctype html|<(html|head|body)[\s>])/i;

/** The same for text. */
function whatText(text: string): string | null {
  if (LFS.test(text)) {
    const [, bytes] = /^size (\d+)$/m.exec(text) ?? [];
    const wanted = bytes ? ` of ${Number(bytes).toLocaleString("en")} bytes` : "";
    return `is a Git LFS pointer and not the file${wanted} itself; get that with git lfs pull, or ${AGAIN}`;
  }
  if (ANNEX.test(text)) {
    return "is a git-annex pointer and not the file itself; get that with git annex get";
  }
  if (HTML.test(text)) {
    return `is a web page (HTML): the site wanted a sign-in or found nothing there; ${AGAIN}`;
  }
  if (/^<\?xml|^<Error>/.test(text)) {
    const [, code] = /<(?:Code|Message)>([^<]{1,80})</.exec(text) ?? [];
    return `is an XML text${
      code ? ` that says ${JSON.stringify(code)}` : ""
    }, the answer of a server; ${AGAIN}`;
  }
  if (!isText(text)) return null;
  const start = JSON.stringify(text.replace(/\s+/g, " ").slice(0, 60));
  const kind = /^[[{]/.test(text) ? "JSON" : "plain";
  return `is ${kind} text (${start}), perhaps what a server answered in place of the file; ${AGAIN}`;
}

/** Why a file cannot be opened, as the rest of a sentence about it. */
export function whyNotOpened(path: string, cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return `does not exist${pathHint(path)}`;
  if (cause instanceof Deno.errors.PermissionDenied) return "may not be read";
  return `cannot be read (${(cause as Error).message.split("\n")[0]})`;
}
