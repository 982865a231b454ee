/** A file to keep: whole, or the rest of a download that was cut off (RFC 9110). */

import { basename } from "node:path";
import { attachment, openedFile } from "../server/answers.ts";

interface Range {
  readonly begin: number;
  /** The last byte. */
  readonly end: number;
}

/** Throws Refused (404, 403) where there is none to read. */
export function download(path: string, request: Request): Response {
  const file = openedFile(path), { size, mtime } = file.statSync();
  const tag = `"${size.toString(36)}-${(mtime?.getTime() ?? 0).toString(36)}"`;
  const asked = request.headers.get("range"), condition = request.headers.get("if-range");
  const range = asked !== null && (condition === null || condition === tag) ? rangeOf(asked, size) : null;
  const headers = new Headers({
    "accept-ranges": "bytes",
    "cache-control": "no-store",
    "content-disposition": attachment(basename(path)),
    "content-type": "application/octet-stream",
    "etag": tag,
  });
  if (range === "none") {
    file.close();
    headers.set("content-range", `bytes */${size}`);
    return new Response(null, { status: 416, headers });
  }
  const { begin, end } = range ?? { begin: 0, end: size - 1 };
  headers.set("content-length", String(end - begin + 1));
  if (range) headers.set("content-range", `bytes ${begin}-${end}/${size}`);
  file.seekSync(begin, Deno.SeekMode.Start);
  return new Response(file.readable.pipeThrough(first(end - begin + 1)), {
    status: range ? 206 : 200,
    headers,
  });
}

/** One range; several, or what is no range, are answered by the whole file, "none" lies behind its end. */
export function rangeOf(text: string, size: number): Range | "none" | null {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(text.trim()) ?? [];
  if (from === undefined || (from === "" && to === "")) return null;
  if (from === "") {
    const last = Math.min(Number(to), size);
    return last === 0 ? "none" : { begin: size - last, end: size - 1 };
  }
  const begin = Number(from), end = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < begin) return null;
  return begin >= size ? "none" : { begin, end };
}

/** Lets so many bytes through, and then ends. */
function first(bytes: number): TransformStream<Uint8Array, Uint8Array> {
  let left = bytes;
  return new TransformStream({
    transform(piece, controller) {
      if (left > 0) controller.enqueue(piece.subarray(0, left));
      left -= piece.length;
      if (left <= 0) controller.terminate();
    },
  });
}
