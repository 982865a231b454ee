/** The pictures of a folder, the newest first, and the grids in it. */

import { extname, join } from "node:path";
import { exists } from "../../base/files/exists.ts";
import { entriesOf } from "../entries.ts";
import type { Folders } from "../studio.ts";
import { isGrid } from "./grid.ts";
import type { Gallery, GalleryPicture } from "./shown.ts";

const SHOWN = [".png", ".jpg", ".jpeg", ".webp"];

export function isPicture(name: string): boolean {
  return SHOWN.includes(extname(name).toLowerCase());
}

export const PAGE = 120;

const MOST_FOLDERS = 500;

/** A folder that does not exist yet has no pictures. Throws Refused. */
export function galleryOf(asked: string, from: number, folders: Folders): Gallery {
  const folder = folders.inside(asked), below: { path: string; name: string }[] = [];
  const pictures: GalleryPicture[] = [];
  for (const { name, isDirectory } of exists(folder) ? entriesOf(folder) : []) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    if (isDirectory) below.push({ path, name });
    else if (isPicture(name)) {
      const stat = statOf(path);
      if (stat?.isFile) pictures.push({ path, name, bytes: stat.size, changed: stat.mtime?.getTime() ?? 0 });
    }
  }
  pictures.sort((a, b) => b.changed - a.changed || (a.name < b.name ? 1 : -1));
  below.sort((a, b) => a.name < b.name ? 1 : -1);
  const some = below.slice(0, MOST_FOLDERS);
  return {
    folder,
    pictures: pictures.slice(from, from + PAGE),
    count: pictures.length,
    grids: some.filter(({ path }) => isGrid(path)),
    folders: some.filter(({ path }) => !isGrid(path)),
  };
}

function statOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}
