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

/** What a browser may show by itself; anything else is only saved. No SVG: a browser runs what is in it. */
const SHOWN: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".webp": "image/webp",
  ".avif": "image/avif",
  ".jxl": "image/jxl",
  ".bmp": "image/bmp",
  ".txt": "text/plain; charset=utf-8",
};

/** A file, whose path has been through `folders.inside`; with `save` for the browser to keep under its name. */
export async function file(path: string, { save = false } = {}): Promise<Response> {
  const opened = open(path);
  const { size, mtime } = await opened.stat();
  const type = SHOWN[extname(path).toLowerCase()];
  const headers = new Headers({
    "content-type": type ?? "application/octet-stream",
    "content-length": String(size),
    "cache-control": "private, no-cache",
  });
  if (mtime) headers.set("last-modified", mtime.toUTCString());
  if (save || !type) {
    headers.set("content-disposition", `attachment; filename*=UTF-8''${encoded(basename(path))}`);
  }
  return new Response(opened.readable, { headers });
}

/** Nothing that would be waited for, such as a pipe. */
function open(path: string): Deno.FsFile {
  try {
    return openFile(path);
  } catch (cause) {
    if (cause instanceof UserError) throw new Refused(404, cause.message);
    if (cause instanceof Deno.errors.NotFound) throw new Refused(404, `${path}: there is no such file`);
    throw new Refused(403, `${path}: cannot be read (${(cause as Error).message})`);
  }
}

/** For a header (RFC 5987); a name that is no proper Unicode text is shown with marks in place of what is not. */
function encoded(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  );
}
