/** A studio made by hand around a temporary folder, and its routes called without a server. */

import { join } from "node:path";
import { writePicture } from "../../../src/images/write.ts";
import { routes } from "../../../src/studio/dataset/routes.ts";
import { openFolders } from "../../../src/studio/server/folders.ts";
import type { Asked, Studio } from "../../../src/studio/studio.ts";

export interface Desk extends AsyncDisposable {
  readonly dir: string;
  readonly home: string;
  readonly studio: Studio;
  /** Calls a route: query for GET, body for the others. */
  ask(method: string, path: string, fields?: Record<string, unknown>): Promise<Response>;
  /** The answer as JSON, its last line where there are several. */
  // deno-lint-ignore no-explicit-any -- whatever the route answers
  told(method: string, path: string, fields?: Record<string, unknown>): Promise<any>;
  /** The same folders under a new server. */
  restart(): void;
  read(name: string): string;
  write(name: string, content: string | Uint8Array): void;
}

export function desk(): Desk {
  const top = Deno.realPathSync(Deno.makeTempDirSync()),
    dir = join(top, "10_cat"),
    home = join(dir, ".easel");
  Deno.mkdirSync(dir);
  let ends = new AbortController(), studio = studioOf(dir, home, ends.signal);
  const ask = async (method: string, path: string, fields: Record<string, unknown> = {}) => {
    const url = new URL(`http://127.0.0.1/api/dataset/${path}`);
    if (method === "GET") {
      for (const [key, value] of Object.entries(fields)) {
        for (const one of [value].flat()) url.searchParams.append(key, String(one));
      }
    }
    const route = routes.find((row) => row.method === method && row.path === url.pathname)!;
    const asked: Asked = {
      url,
      params: {},
      request: new Request(url),
      json: () => Promise.resolve(fields),
      bytes: () => Promise.resolve(new Uint8Array()),
      pieces: async function* () {},
    };
    return await route.answer(asked, studio);
  };
  return {
    ...{ dir, home, ask },
    get studio() {
      return studio;
    },
    async told(method, path, fields) {
      const lines = (await (await ask(method, path, { folder: dir, ...fields })).text()).trim().split("\n");
      return JSON.parse(lines.at(-1)!);
    },
    restart() {
      ends.abort();
      ends = new AbortController();
      studio = studioOf(dir, home, ends.signal);
    },
    read: (name) => Deno.readTextFileSync(join(dir, name)),
    write(name, content) {
      Deno.writeFileSync(
        join(dir, name),
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
    },
    async [Symbol.asyncDispose]() {
      ends.abort();
      await Deno.remove(top, { recursive: true });
    },
  };
}

function studioOf(dir: string, home: string, signal: AbortSignal): Studio {
  return {
    ...{ home, signal, launch: [], folders: openFolders([dir]) },
    catalogue: { names: [], load: () => Promise.reject(new Error("no commands")) },
  };
}

/** Colours that change from left to right, so that no two `seed`s look alike. */
export async function picture(path: string, width: number, height: number, seed = 0, alpha = false) {
  const channels = alpha ? 4 : 3, data = new Uint8Array(width * height * channels);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += channels) {
      const cell = Math.floor(x * 9 / width) * 31 + Math.floor(y * 8 / height) * 17;
      for (let k = 0; k < 3; k++) data[i + k] = (Math.imul(cell + seed * 7919, 2654435761) >>> 24) & 0xff;
      if (alpha) data[i + 3] = x < width / 2 ? 0 : 255;
    }
  }
  await writePicture(path, { width, height, data });
}
