/** The server in this process, and requests to it as anybody could send them. */

import { request } from "node:http";
import { join } from "node:path";
import { openServer } from "../../../src/studio/server/open_server.ts";
import type { Catalogue } from "../../../src/studio/studio.ts";

export const TOKEN = "a token of more than sixteen";

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  /** Without the cookie. */
  readonly stranger?: boolean;
}

export interface ServedFolder {
  readonly folder: string;
  readonly port: number;
  readonly link: string;
  readonly reported: string[];
  /** Goes out as it is, ".." in the path and a foreign host included, which fetch() would mend. */
  ask(path: string, asking?: Asking): Promise<Reply>;
}

const NO_COMMANDS: Catalogue = { names: [], load: () => Promise.reject(new Error("none")) };

/** Serves a new folder with a page of one word; everything is gone afterwards. */
export async function serving(
  body: (served: ServedFolder) => Promise<void>,
  options: { listen?: string } = {},
): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "easel studio " }));
  const page = join(folder, "page"), work = join(folder, "work");
  for (const name of [page, work]) await Deno.mkdir(name);
  for (const name of ["index.html", "app.js", "app.css", "icon.svg"]) {
    await Deno.writeTextFile(join(page, name), name);
  }
  const end = new AbortController(), reported: string[] = [];
  const { link, finished } = openServer({
    config: { port: null, listen: options.listen ?? null, token: TOKEN, state: null, stopJobs: false },
    folders: [work],
    catalogue: NO_COMMANDS,
    launch: [],
    page,
    signal: end.signal,
    report: (line) => reported.push(line),
  });
  const port = Number(new URL(link).port);
  const send = (path: string, { method = "GET", headers = {}, body }: Asking, cookie: string) =>
    new Promise<Reply>((resolve, reject) => {
      const sent = request(
        { host: "127.0.0.1", port, path, method, headers: { cookie, ...headers } },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (part) => text += part);
          answer.on("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, text }));
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  try {
    const { headers } = await send(`/?token=${encodeURIComponent(TOKEN)}`, {}, "");
    const cookie = String(headers["set-cookie"]).split(";")[0];
    const ask = (path: string, asking: Asking = {}) => send(path, asking, asking.stranger ? "" : cookie);
    await body({ folder: work, port, link, reported, ask });
  } finally {
    end.abort();
    await finished;
    await Deno.remove(folder, { recursive: true });
  }
}
