/** Which route a request means. */

import { Refused, type Route } from "../studio.ts";

export interface FoundRoute {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Throws Refused (404) where there is none of that path, (405) where it takes another method. */
export function findRoute(routes: readonly Route[], method: string, path: string): FoundRoute {
  const fitting = routes.flatMap((route) => {
    const params = match(route.path, path);
    return params ? [{ route, params }] : [];
  });
  if (fitting.length === 0) throw new Refused(404, `${path}: there is nothing of that name`);
  const found = fitting.find(({ route }) => route.method === (method === "HEAD" ? "GET" : method));
  if (!found) throw new Refused(405, `${path}: does not take ${method}`);
  return found;
}

/** Whole parts of the path; what stands for `:name` is decoded. */
function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/"), given = path.split("/");
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    if (!part.startsWith(":")) {
      if (part !== given[i]) return null;
    } else if (given[i] === "") return null;
    else params[part.slice(1)] = decoded(given[i]);
  }
  return params;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refused(400, `${text}: is no text as paths write it`);
  }
}
