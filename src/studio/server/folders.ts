/** The folders that the page may look into. */

import { basename, dirname, isAbsolute, resolve, sep } from "node:path";
import { type Folders, Refused } from "../studio.ts";
import type { KeptFolders } from "./kept_folders.ts";

const KEEPS_NONE: KeptFolders = { read: () => [], write: () => {} };

/**
 * `roots` exist; of those that `kept` knows from before, what is still there. `own` is what no path may lead into although
 * it lies in one: the queue, in whose files keys and tokens stand.
 */
export function openFolders(
  roots: readonly string[],
  kept = KEEPS_NONE,
  own: string | null = null,
): Folders {
  const closed = own === null ? null : realOf(own);
  const named = roots.map((root) => Deno.realPathSync(root)), known = [...named];
  const isKnown = (real: string) => known.some((root) => isBelow(real, root));
  for (const path of kept.read()) {
    if (isAbsolute(path) && isFolder(path) && Deno.realPathSync(path) === path && !isKnown(path)) {
      known.push(path);
    }
  }
  const confirmed = () => known.slice(named.length);
  return {
    get confirmed() {
      return confirmed();
    },
    forget(path) {
      const at = known.indexOf(path, named.length);
      if (at < 0) throw new Refused(400, `${path}: was not added on the page`);
      known.splice(at, 1);
      kept.write(confirmed());
    },
    get roots() {
      return known;
    },
    inside(path) {
      if (path.includes("\0")) throw new Refused(400, "a path holds no zero character");
      const real = realOf(isAbsolute(path) ? resolve(path) : resolve(known[0], path));
      if (!isKnown(real)) {
        throw new Refused(403, `${path}: lies in none of the studio's folders; add its folder first`);
      }
      if (closed !== null && isBelow(real, closed)) {
        throw new Refused(403, `${path}: is the studio's own, and shown by the queue alone`);
      }
      return real;
    },
    confirm(path) {
      if (path.includes("\0") || !isAbsolute(path)) {
        throw new Refused(
          400,
          `${path.replaceAll("\0", "")}: a folder is named by its whole path, from / on`,
        );
      }
      const real = realOf(resolve(path));
      if (!isFolder(real)) throw new Refused(400, `${path}: is no folder that can be read`);
      if (!isKnown(real)) {
        known.push(real);
        kept.write(confirmed());
      }
      return real;
    },
  };
}

export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Links followed as far as there is anything; what does not exist yet lies where its folder really is. */
function realOf(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (cause) {
    // a link that leads nowhere must not be written through
    if (isLink(path)) throw new Refused(403, `${path}: is a link to something that there is not`);
    if (!(cause instanceof Deno.errors.NotFound)) {
      throw new Refused(403, `${path}: cannot be reached (${(cause as Error).message})`);
    }
    const parent = dirname(path);
    return parent === path ? path : resolve(realOf(parent), basename(path));
  }
}

function isLink(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSymlink;
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  try {
    Deno.readDirSync(path);
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
