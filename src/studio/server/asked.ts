/** The bodies of requests, of limited size. */

import { type Asked, Refused } from "../studio.ts";

/** A form with all its options and a pasted command line is a few kilobytes. */
const MOST_JSON = 4 << 20;

export function asked(request: Request, url: URL, params: Readonly<Record<string, string>>): Asked {
  const pieces = (most: number) => piecesOf(request, most), bytes = (most: number) => whole(pieces(most));
  return {
    url,
    params,
    request,
    bytes,
    pieces,
    async json() {
      const value = parsed(new TextDecoder().decode(await bytes(MOST_JSON)));
      // so that what it holds can be asked for without a look
      if (typeof value !== "object" || value === null) {
        throw new Refused(400, "the request's body is no JSON object");
      }
      return value;
    },
  };
}

async function* piecesOf(request: Request, most: number): AsyncIterable<Uint8Array> {
  const refused = () => new Refused(413, `the request's body is too long; at most ${most} bytes are taken`);
  if (Number(request.headers.get("content-length")) > most) throw refused();
  let size = 0;
  for await (const piece of request.body ?? []) {
    size += piece.length;
    if (size > most) throw refused();
    yield piece;
  }
}

async function whole(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts = await Array.fromAsync(pieces),
    all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Refused(400, `the request's body is no JSON (${(cause as Error).message})`);
  }
}
