/** What lies in a folder, for choosing a path by clicks. */

import { basename, dirname, join } from "node:path";
import { isFolder } from "../../base/files/exists.ts";
import { isCalledLike } from "../../options/endings.ts";
import type { PathKind } from "../../options/mod.ts";
import { type Folders, Refused } from "../studio.ts";
import { isBelow } from "./folders.ts";

export interface Browsed {
  /** null: above all of the studio's folders, which are then the entries. */
  readonly path: string | null;
  /** Where "up" leads; null: to the studio's folders. */
  readonly parent: string | null;
  readonly entries: readonly BrowsedEntry[];
  /** How many more there are than are told. */
  readonly more: number;
}

export interface BrowsedEntry {
  readonly name: string;
  readonly path: string;
  readonly folder: boolean;
}

/** Nobody looks through more; a search or the path itself serves better. */
const MOST = 2000;

/** Folders first, each by name; of files those of a kind. Hidden ones are left out. Throws Refused (404) for no folder. */
export function browse(folders: Folders, path: string | null, kind: PathKind | null): Browsed {
  if (path === null || path === "") {
    const entries = folders.roots.map((root) => ({ name: root, path: root, folder: true }));
    return { path: null, parent: null, entries, more: 0 };
  }
  const real = nearestFolder(folders.inside(path), folders);
  const found = [...Deno.readDirSync(real)].flatMap(({ name, isDirectory, isSymlink }) => {
    if (name.startsWith(".")) return [];
    const folder = isDirectory || isSymlink && isFolder(join(real, name));
    if (!folder && !isCalledLike(name, kind ?? "file")) return [];
    return [{ name, path: join(real, name), folder }];
  }).sort((a, b) => Number(b.folder) - Number(a.folder) || (a.name < b.name ? -1 : 1));
  const above = dirname(real), inside = folders.roots.some((root) => isBelow(above, root));
  const more = Math.max(0, found.length - MOST);
  return { path: real, parent: inside ? above : null, entries: found.slice(0, MOST), more };
}

/** Of a path that is being typed: the folder that is there already. */
function nearestFolder(path: string, folders: Folders): string {
  for (let at = path; folders.roots.some((root) => isBelow(at, root)); at = dirname(at)) {
    if (isFolder(at)) return at;
  }
  throw new Refused(404, `${basename(path)}: is no folder that can be read`);
}
