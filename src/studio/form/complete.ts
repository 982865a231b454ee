/** Names below the studio's folders for a field that holds a path. */

import { basename, dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import { ENDINGS } from "../../options/endings.ts";
import type { PathKind } from "../../options/mod.ts";
import { type Folders, Refused } from "../studio.ts";

export interface Completion {
  /** What would stand in the field. */
  readonly text: string;
  readonly folder: boolean;
}

const MOST = 200;

/** What begins as `typed` does, folders first; without a / at the start of the first folder. Nothing outside of the studio's folders. */
export function completedPaths(typed: string, kind: PathKind, folders: Folders): Completion[] {
  const ends = typed === "" || typed.endsWith("/");
  const place = ends ? typed : dirname(typed) === "." && !typed.startsWith("./") ? "" : dirname(typed);
  const start = ends ? "" : basename(typed), where = whereIn(resolve(folders.roots[0], place), folders);
  if (where === null) return [];
  const found = namesIn(where)
    .filter(({ name }) =>
      name.toLowerCase().startsWith(start.toLowerCase()) && (start.startsWith(".") || !name.startsWith("."))
    )
    .filter(({ name, folder }) => folder || fits(name, kind))
    .sort((a, b) =>
      Number(b.folder) - Number(a.folder) || a.name.localeCompare(b.name, "en", { numeric: true })
    );
  const shown = (path: string) => isAbsolute(typed) ? path : join(place, relative(where, path));
  const builtin = kind === "model" && "builtin:tiny".startsWith(typed)
    ? [{ text: "builtin:tiny", folder: false }]
    : [];
  const names = found.map(({ name, folder }) => ({
    text: shown(join(where, name)) + (folder ? "/" : ""),
    folder,
  }));
  return [...builtin, ...names].slice(0, MOST);
}

/** Half a path is no mistake: somebody types it. */
function whereIn(path: string, folders: Folders): string | null {
  try {
    return folders.inside(path);
  } catch (cause) {
    if (cause instanceof Refused) return null;
    throw cause;
  }
}

function fits(name: string, kind: PathKind): boolean {
  if (kind === "folder") return false;
  const endings = ENDINGS[kind], ending = extname(name).slice(1).toLowerCase();
  return endings.length === 0 || endings.includes(ending);
}

/** Nothing for what is no folder. */
function namesIn(path: string): { name: string; folder: boolean }[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name, isDirectory, isSymlink }) => ({
      name,
      folder: isDirectory || (isSymlink && leadsToFolder(join(path, name))),
    }));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) return [];
    throw cause;
  }
}

function leadsToFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
