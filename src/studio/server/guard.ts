/** Who may ask: whoever has the token, from this page, under one of this server's own names. */

import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { Refused } from "../studio.ts";

export interface Guard {
  /** Throws Refused (403) for a host that is not ours. */
  refuseOtherNames(request: Request, url: URL): void;
  /** Throws Refused (403) for an origin that is not ours, (401) without the cookie. */
  check(request: Request, url: URL): void;
  /** Whether a link has the right token. */
  admits(token: string): boolean;
  /** The header that lets a browser in. */
  readonly cookie: string;
}

/** `listen` is the address that the server was told to listen on; null: this machine alone. */
export function openGuard(token: string, port: number, listen: string | null): Guard {
  // Cookies are one for all ports of a host, so their names differ.
  const name = `easel_studio_${port}`;
  // Not the token: a new start with the same one knows the cookie, and it opens nothing else.
  const session = createHmac("sha256", token).update("easel studio").digest("base64url");
  return {
    cookie: `${name}=${session}; Path=/; HttpOnly; SameSite=Strict`,
    admits: (given) => isSame(given, token),
    refuseOtherNames(request, url) {
      refuseForeignHost(request.headers.get("host") ?? url.host, port, listen);
    },
    check(request, url) {
      refuseForeignOrigin(request, url);
      if (!isSame(cookieOf(request, name), session)) {
        throw new Refused(401, "open the link that easel studio printed; it lets this browser in");
      }
    },
  };
}

/** Takes the same time wherever the texts differ, and whatever their lengths. */
export function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(Buffer.from(text)).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** A page of elsewhere may give its own name this machine's address; then the name gives it away. */
function refuseForeignHost(host: string, port: number, listen: string | null): void {
  const [, name, given] = /^(\[[\da-f:.]+\]|[^:]+)(?::(\d+))?$/i.exec(host) ?? [];
  const bare = name?.replace(/^\[|\]$/g, "").toLowerCase();
  const ours = ["127.0.0.1", "::1", "localhost"].includes(bare) ||
    listen !== null && (bare === listen.toLowerCase() || isIP(bare ?? "") !== 0);
  if (!ours || Number(given ?? 80) !== port) throw new Refused(403, "this server is not meant by that name");
}

/** What changes something comes from the page itself. */
function refuseForeignOrigin(request: Request, url: URL): void {
  const reads = request.method === "GET" || request.method === "HEAD";
  const origin = request.headers.get("origin"), site = request.headers.get("sec-fetch-site");
  const ours = `http://${request.headers.get("host") ?? url.host}`;
  if (origin === null ? !reads : origin !== ours) throw new Refused(403, "asked from another page");
  if (site !== null && site !== "same-origin" && !(reads && site === "none")) {
    throw new Refused(403, "asked from another page");
  }
}

function cookieOf(request: Request, name: string): string {
  const all = (request.headers.get("cookie") ?? "").split(/;\s*/);
  return all.find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}
