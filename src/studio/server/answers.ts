/** Answers of routes. */

import { basename, extname } from "node:path";
import { UserError } from "../../base/errors.ts";
import { openFile } from "../../base/files/regular_file.ts";
import { Refused } from "../studio.ts";

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" },
  });
}

/** Formats that every browser draws, as imageKind() names them. No SVG: a browser runs what is in it. */
export const PICTURE_TYPES: Readonly<Record<string, string | undefined>> = {
  png: "image/png",
  jpeg: "image/jpeg",
  webp: "image/webp",
  bmp: "image/bmp",
  avif: "image/avif",
};

/** What a browser may show by itself, by the ending; anything else is only saved. */
const SHOWN: Readonly<Record<string, string | undefined>> = {
  ...Object.fromEntries(Object.entries(PICTURE_TYPES).map(([kind, type]) => [`.${kind}`, type])),
  ".jpg": PICTURE_TYPES.jpeg,
  ".jxl": "image/jxl",
  ".txt": "text/plain; charset=utf-8",
};

/** A file, whose path has been through `folders.inside`. */
export async function file(path: string): Promise<Response> {
  const opened = openedFile(path);
  const { size, mtime } = await opened.stat();
  const type = SHOWN[extname(path).toLowerCase()];
  const headers = new Headers({
    "content-type": type ?? "application/octet-stream",
    "content-length": String(size),
    "cache-control": "private, no-cache",
  });
  if (mtime) headers.set("last-modified", mtime.toUTCString());
  if (!type) headers.set("content-disposition", attachment(basename(path)));
  return new Response(opened.readable, { headers });
}

/** Nothing that would be waited for, such as a pipe. Throws Refused (404, 403). */
export function openedFile(path: string): Deno.FsFile {
  try {
    return openFile(path);
  } catch (cause) {
    if (cause instanceof UserError) throw new Refused(404, cause.message);
    if (cause instanceof Deno.errors.NotFound) throw new Refused(404, `${path}: there is no such file`);
    throw new Refused(403, `${path}: cannot be read (${(cause as Error).message})`);
  }
}

/** For the browser to keep it (RFC 6266): a name that ends no header and names no folder, in ASCII and in full. */
export function attachment(name: string): string {
  // deno-lint-ignore no-control-regex -- they are what is taken out
  const plain = name.replace(/[\x00-\x1f\x7f/\\]/g, "_"), ascii = plain.replace(/[^\x20-\x7e]|["%]/g, "_");
  const full = encodeURIComponent(plain.toWellFormed()).replace(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${full}`;
}
