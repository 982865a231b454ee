/** A request, from the guard to its route's answer. */

import { UserError } from "../../base/errors.ts";
import { Refused, type Route, type Studio, type Topic } from "../studio.ts";
import { json } from "./answers.ts";
import { asked } from "./asked.ts";
import { eventStream } from "./events.ts";
import { findRoute } from "./find_route.ts";
import type { Guard } from "./guard.ts";
import { withHeaders } from "./headers.ts";
import { pageFile } from "./page_files.ts";

export interface Served {
  readonly studio: Studio;
  readonly guard: Guard;
  /** The folder of the bundled page. */
  readonly page: string;
  readonly routes: readonly Route[];
  readonly topics: readonly Topic[];
  /** One line about what went wrong here and not at the user's. */
  report(line: string): void;
}

/** Never throws. */
export async function handle(request: Request, served: Served): Promise<Response> {
  const url = URL.parse(request.url);
  if (url === null) return withHeaders(page("this server is not meant by that name", "", {}, 403));
  try {
    return withHeaders(await withoutBody(request, await answer(request, url, served)));
  } catch (error) {
    return withHeaders(failure(error, url, served));
  }
}

/** Of what is only asked about: nothing stays open for it. */
async function withoutBody(request: Request, answer: Response): Promise<Response> {
  if (request.method !== "HEAD" || answer.body === null) return answer;
  await answer.body.cancel();
  return new Response(null, answer);
}

async function answer(request: Request, url: URL, served: Served): Promise<Response> {
  const token = url.pathname === "/" ? url.searchParams.get("token") : null;
  served.guard.refuseOtherNames(request, url);
  if (token !== null) return admit(token, served.guard);
  served.guard.check(request, url);
  if (!url.pathname.startsWith("/api/")) return await pageFile(served.page, url.pathname);
  if (url.pathname === "/api/events") {
    return eventStream(asked(request, url, {}), served.studio, served.topics);
  }
  const { route, params } = findRoute(served.routes, request.method, url.pathname);
  return await route.answer(asked(request, url, params), served.studio);
}

/**
 * The cookie, and on to the page. No redirection: where a link was clicked on another site's page, a browser sends no
 * strict cookie on the way that begins there.
 */
function admit(token: string, guard: Guard): Response {
  if (!guard.admits(token)) throw new Refused(403, "the link's token is not that of this easel studio");
  return page("easel studio", `<meta http-equiv="refresh" content="0;url=/">`, {
    "set-cookie": guard.cookie,
  });
}

function failure(error: unknown, url: URL, { report }: Served): Response {
  const status = error instanceof Refused
    ? error.status
    : error instanceof UserError
    ? 422
    : error instanceof Deno.errors.NotFound
    ? 404
    : error instanceof Deno.errors.PermissionDenied
    ? 403
    : 500;
  const message = lineOf(error, status === 500);
  if (status === 500) report(`${url.pathname}: ${error instanceof Error ? error.stack ?? message : message}`);
  if (url.pathname.startsWith("/api/")) return json({ error: message }, status);
  return page(message, "", {}, status);
}

/** What a user typed or pasted, which may be megabytes, stands in it. */
const MOST_LETTERS = 2000;

/** What is ours says all of it in one line, be there a path with line ends in it; of what is not, the first line says what it is. */
function lineOf(error: unknown, foreign: boolean): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = foreign ? text.split("\n")[0] : text.replaceAll(/\s*[\r\n]\s*/g, " ");
  return line.length > MOST_LETTERS ? `${line.slice(0, MOST_LETTERS / 2)} … ${line.slice(-200)}` : line;
}

/** `text` is ours, or a path that has been through escaping. */
function page(text: string, head: string, headers: Record<string, string>, status = 200): Response {
  const shown = text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return new Response(
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">${head}<title>easel studio</title><p>${shown}</p></html>`,
    {
      status,
      headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store", ...headers },
    },
  );
}
