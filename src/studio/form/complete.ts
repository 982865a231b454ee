/** Names below the studio's folders for a field that holds a path. */

import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { isFolder } from "../../base/files/exists.ts";
import { isCalledLike } from "../../options/endings.ts";
import type { PathKind } from "../../options/mod.ts";
import { readableEntries } from "../entries.ts";
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
    .filter(({ name, folder }) => folder || isCalledLike(name, kind))
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

function namesIn(path: string): { name: string; folder: boolean }[] {
  return readableEntries(path).map(({ name, isDirectory, isSymlink }) => ({
    name,
    folder: isDirectory || (isSymlink && isFolder(join(path, name))),
  }));
}
