/** A studio without a server: real commands, a folder of its own. */

import { join } from "node:path";
import { catalogueOf } from "../../../src/cli/commands/studio.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { routes } from "../../../src/studio/form/routes.ts";
import { openFolders } from "../../../src/studio/server/folders.ts";
import type { Asked, Studio } from "../../../src/studio/studio.ts";

export const CATALOGUE = catalogueOf(COMMANDS);

export interface FormStudio extends Studio, Disposable {
  readonly folder: string;
}

export function formStudio(launch: readonly string[] = ["false"]): FormStudio {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "easel_form_" }));
  const end = new AbortController();
  return {
    folder,
    home: join(folder, ".easel"),
    folders: openFolders([folder]),
    catalogue: CATALOGUE,
    launch,
    signal: end.signal,
    [Symbol.dispose]() {
      end.abort();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

/** The answer of a route of the form. */
// deno-lint-ignore no-explicit-any -- tests look at what they expect
export async function ask(studio: Studio, path: string, body?: unknown, signal?: AbortSignal): Promise<any> {
  const url = new URL(path, "http://127.0.0.1"), method = body === undefined ? "GET" : "POST";
  for (const route of routes.filter((route) => route.method === method)) {
    const match = new RegExp(`^${route.path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`).exec(url.pathname);
    if (!match) continue;
    const asked: Asked = {
      url,
      params: { ...match.groups },
      request: new Request(url, { method, signal }),
      json: () => Promise.resolve(body),
      bytes: () => Promise.reject(new Error("no bytes")),
      pieces: async function* () {},
    };
    return await (await route.answer(asked, studio)).json();
  }
  throw new Error(`${path} is no route`);
}
