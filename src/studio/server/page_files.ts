/** The page's own few files, as they were bundled. */

import { join } from "node:path";
import { Refused } from "../studio.ts";

const FILES: Readonly<Record<string, readonly [name: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/app.js": ["app.js", "text/javascript; charset=utf-8"],
  "/app.css": ["app.css", "text/css; charset=utf-8"],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
  "/favicon.ico": ["icon.svg", "image/svg+xml"],
};

export async function pageFile(folder: string, path: string): Promise<Response> {
  if (!Object.hasOwn(FILES, path)) throw new Refused(404, `${path}: there is nothing of that name`);
  const [name, type] = FILES[path];
  const bytes = await Deno.readFile(join(folder, name));
  return new Response(bytes, { headers: { "content-type": type, "cache-control": "no-cache" } });
}
