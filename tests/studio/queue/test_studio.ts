/** A studio without a server. As a program it keeps the queue of a folder, as a server does, until it is killed: `test_studio.ts FOLDER WORD...`. */

import { join } from "node:path";
import { catalogueOf } from "../../../src/cli/commands/studio.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { keepQueue } from "../../../src/studio/queue/keep.ts";
import { openFolders } from "../../../src/studio/server/folders.ts";
import type { Asked, Route, Studio } from "../../../src/studio/studio.ts";

const MAIN = join(import.meta.dirname!, "../../../main.ts");
export const EASEL = [Deno.execPath(), "run", "--quiet", "-A", "--no-prompt", MAIN];

/** `launch` is what stands for easel. */
export function testStudio(
  folder: string,
  launch: readonly string[] = EASEL,
  signal: AbortSignal = new AbortController().signal,
): Studio {
  const root = Deno.realPathSync(folder);
  return {
    home: join(root, ".easel"),
    folders: openFolders([root]),
    catalogue: catalogueOf(COMMANDS),
    launch,
    signal,
  };
}

/** What a route answers, after the guard. */
export async function answerOf(
  routes: readonly Route[],
  studio: Studio,
  method: Route["method"],
  path: string,
  { query = "", body }: { readonly query?: string; readonly body?: unknown } = {},
): Promise<Response> {
  const parts = path.split("/");
  for (const route of routes) {
    const wanted = route.path.split("/");
    if (route.method !== method || wanted.length !== parts.length) continue;
    if (!wanted.every((part, i) => part.startsWith(":") || part === parts[i])) continue;
    const params = Object.fromEntries(
      wanted.flatMap((part, i) =>
        part.startsWith(":") ? [[part.slice(1), decodeURIComponent(parts[i])]] : []
      ),
    );
    const url = new URL(`http://127.0.0.1${path}${query}`);
    const asked = { url, params, request: new Request(url), json: () => Promise.resolve(body) };
    return await route.answer(asked as unknown as Asked, studio);
  }
  throw new Error(`no route for ${method} ${path}`);
}

/** Waits until `seen` gives something that is neither null nor false. */
export async function until<T>(
  seen: () => T | null | false | undefined,
  seconds = 30,
): Promise<T> {
  for (const end = Date.now() + seconds * 1000;;) {
    const value = seen();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${seen}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

if (import.meta.main) {
  const [folder, ...launch] = Deno.args;
  keepQueue(testStudio(folder, launch));
}
