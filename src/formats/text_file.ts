/** Text files as the editors of all systems write them: UTF-8 or UTF-16, with a byte order mark or without. */

import { UserError } from "../base/errors.ts";
import { fileBytes, NoFile } from "../base/files/regular_file.ts";
import { HEAD, pageOrPointer, whatFile, whyNotOpened } from "./what_file.ts";

/**
 * The text of a file without its byte order mark; line ends are left as they are. `remedy` ends the sentence when there
 * is none: "give a TOML file". Throws UserError for what cannot be read and for what is no text.
 */
export function readText(path: string, remedy: string): string {
  let bytes: Uint8Array;
  try {
    bytes = fileBytes(path);
  } catch (cause) {
    if (cause instanceof NoFile) throw cause;
    throw new UserError(`${path}: ${whyNotOpened(path, cause)}; ${remedy}`, { cause });
  }
  let text: string;
  try {
    text = decodeText(bytes);
  } catch (cause) {
    const other = whatFile(bytes.subarray(0, HEAD), bytes.length);
    throw new UserError(`${path}: ${other ?? `is not UTF-8 text; save it as UTF-8, or ${remedy}`}`, {
      cause,
    });
  }
  const other = pageOrPointer(text);
  if (other) throw new UserError(`${path}: ${other}`);
  return text;
}

/** Bytes as text, without a byte order mark. Throws TypeError for what is neither UTF-8 nor UTF-16. */
export function decodeText(bytes: Uint8Array): string {
  const text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  if (text.includes("\0")) throw new TypeError("text without characters of 0 is wanted");
  return text;
}

/**
 * Text as bytes in the encoding of `like`, with its byte order mark, line ends and end of the last line; where there was
 * nothing before, UTF-8 whose lines end with "\n". `text` has lines that end with "\n", the last one with none.
 */
export function encodeTextLike(text: string, like: Uint8Array | null): Uint8Array {
  const encoding = like ? encodingOf(like) : "utf-8";
  const before = like && like.length > 0 ? new TextDecoder(encoding, { ignoreBOM: true }).decode(like) : "\n";
  const [lineEnd] = /\r\n|\r|\n/.exec(before) ?? ["\n"];
  const whole = (before.startsWith(MARK) ? MARK : "") + text.replaceAll("\n", () => lineEnd) +
    (text !== "" && /[\r\n]$/.test(before) ? lineEnd : "");
  return encoding === "utf-8" ? new TextEncoder().encode(whole) : utf16(whole, encoding === "utf-16le");
}

/** The text of bytes that lie in a file, as encodeTextLike() takes it. Throws TypeError for what is no text. */
export function decodeLines(bytes: Uint8Array): string {
  return decodeText(bytes).replace(/\r\n|\r/g, "\n").replace(/\n$/, "");
}

const MARK = "\ufeff";

function utf16(text: string, littleEndian: boolean): Uint8Array {
  const out = new DataView(new ArrayBuffer(text.length * 2));
  for (let i = 0; i < text.length; i++) out.setUint16(i * 2, text.charCodeAt(i), littleEndian);
  return new Uint8Array(out.buffer);
}

/** By the byte order mark; UTF-16 without one shows in every other byte of its first line being 0. */
function encodingOf(bytes: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  const [a, b] = bytes;
  if (a === 0xff && b === 0xfe) return "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  if (bytes.length < 2 || bytes.length % 2 !== 0 || (a !== 0) === (b !== 0)) return "utf-8";
  return b === 0 ? "utf-16le" : "utf-16be";
}
