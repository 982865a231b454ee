/** What a path that is written really is. */

import { basename, dirname, join } from "node:path";

const MOST_LINKS = 40;

/**
 * The path that `path` leads to when it is a link, also to something that does not exist yet; else `path`. The folders
 * on the way are the system's business. Throws what the system says, also for links that lead to themselves.
 */
export function throughLinks(path: string): string {
  let at = path;
  for (let count = 0; isLink(at); count++) {
    if (count === MOST_LINKS) throw new Deno.errors.FilesystemLoop(`links that lead to themselves`);
    const target = Deno.readLinkSync(at);
    // Not join(): "x/.." is not "." where x is a link.
    at = target.startsWith("/") ? target : `${dirname(at)}/${target}`;
  }
  return at;
}

/** The same for every path to one place, by whatever links to its folder; nothing need be there. */
export function realPlace(path: string): string {
  try {
    return join(Deno.realPathSync(dirname(path)), basename(path));
  } catch {
    return path; // no such folder, which whoever opens it says
  }
}

/** Whether two paths lead to the same file, by whatever links. */
export function isSameFile(a: string, b: string): boolean {
  try {
    const [one, other] = [Deno.statSync(a), Deno.statSync(b)];
    return one.ino !== null && one.ino === other.ino && one.dev === other.dev;
  } catch {
    return false; // one of them does not exist
  }
}

function isLink(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSymlink;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
