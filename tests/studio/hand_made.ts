/** A studio in a folder of its own, and requests that come past its guard. */

import { join } from "node:path";
import { Refused, type Route, type Studio } from "../../src/studio/studio.ts";
import { openFolders } from "../../src/studio/server/folders.ts";
import { asked } from "../../src/studio/server/asked.ts";

/** On a temporary folder, which is gone afterwards. */
export async function withStudio(run: (dir: string, studio: Studio) => void | Promise<void>): Promise<void> {
  const dir = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "easel-studio-" }));
  const catalogue = { names: [], load: () => Promise.reject(new Error("no command is needed here")) };
  const ending = new AbortController();
  const studio: Studio = {
    home: join(dir, ".easel"),
    folders: openFolders([dir]),
    catalogue,
    launch: [],
    signal: ending.signal,
  };
  try {
    await run(dir, studio);
  } finally {
    ending.abort();
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Asks a room's route; `body` is sent as JSON, or as it is where it is bytes. */
export async function ask(
  routes: readonly Route[],
  studio: Studio,
  method: Route["method"],
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Response> {
  const url = new URL(path, "http://127.0.0.1:7860");
  const route = routes.find((route) => route.method === method && route.path === url.pathname);
  if (!route) throw new TypeError(`there is no route ${method} ${url.pathname}`);
  const bytes = body instanceof Uint8Array ? body as Uint8Array<ArrayBuffer> : JSON.stringify(body);
  const request = new Request(url, { method, headers, body: body === undefined ? undefined : bytes });
  return await route.answer(asked(request, url, {}), studio);
}

/** The status of what is refused. */
export async function refusedBy(answer: Promise<Response>): Promise<number> {
  try {
    await (await answer).body?.cancel();
  } catch (error) {
    if (error instanceof Refused) return error.status;
    throw error;
  }
  throw new Error("it was not refused");
}
