/** A file to keep: whole, or the rest of a download that was cut off (RFC 9110, ranges; RFC 6266, names). */

import { basename } from "node:path";
import { Refused } from "../studio.ts";
import { openFile } from "../../base/files/regular_file.ts";

interface Range {
  readonly begin: number;
  /** The last byte. */
  readonly end: number;
}

/** Throws Refused (404) where there is no file. */
export function download(path: string, request: Request): Response {
  const file = opened(path), { size, mtime } = file.statSync();
  const tag = `"${size.toString(36)}-${(mtime?.getTime() ?? 0).toString(36)}"`;
  const asked = request.headers.get("range"), condition = request.headers.get("if-range");
  const range = asked !== null && (condition === null || condition === tag) ? rangeOf(asked, size) : null;
  const headers = new Headers({
    "accept-ranges": "bytes",
    "cache-control": "no-store",
    "content-disposition": disposition(basename(path)),
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

function opened(path: string): Deno.FsFile {
  try {
    return openFile(path);
  } catch (cause) {
    throw new Refused(
      404,
      `${path}: there is no such file to read (${(cause as Error).message.split("\n")[0]})`,
    );
  }
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

/** A name that ends no header and names no folder, in ASCII and in full. */
export function disposition(name: string): string {
  // deno-lint-ignore no-control-regex -- they are what is taken out
  const plain = name.replace(/[\x00-\x1f\x7f/\\]/g, "_"), ascii = plain.replace(/[^\x20-\x7e]|["%]/g, "_");
  const full = encodeURIComponent(plain.toWellFormed()).replace(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${full}`;
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
