/** The texts in a PNG file: what programs write about how a picture was made. */

import { inflateSync } from "node:zlib";

/** Bytes of a chunk's text that are looked at; more is no prompt. */
const MOST = 1 << 20;

/** By key, of tEXt, zTXt and iTXt; a file that is no PNG has none. */
export function pngTexts(bytes: Uint8Array): Map<string, string> {
  const texts = new Map<string, string>(), view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 8 || view.getUint32(0) !== 0x89504e47) return texts;
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at), kind = latin(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (data.length === length && /^(tEXt|zTXt|iTXt)$/.test(kind)) {
      const found = textOf(kind, data);
      if (found) texts.set(...found);
    }
    at += 12 + length;
  }
  return texts;
}

function textOf(kind: string, data: Uint8Array): [key: string, text: string] | null {
  const end = data.indexOf(0);
  if (end < 1) return null;
  const key = latin(data.subarray(0, end));
  try {
    if (kind === "tEXt") return [key, latin(data.subarray(end + 1))];
    if (kind === "zTXt") return [key, latin(inflated(data.subarray(end + 2)))];
    const packed = data[end + 1] === 1, language = data.indexOf(0, end + 3);
    const text = data.subarray(data.indexOf(0, language + 1) + 1);
    return [key, new TextDecoder().decode(packed ? inflated(text) : text)];
  } catch {
    return null; // damaged, or far too long
  }
}

function inflated(bytes: Uint8Array): Uint8Array {
  return inflateSync(bytes, { maxOutputLength: MOST });
}

function latin(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
