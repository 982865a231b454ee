/** Which model files lie below a folder: names and sizes only, so that a thousand are there at once. */

import { extname, join } from "node:path";
import { isDiffusersFolder } from "../../options/model_path.ts";
import { entriesOf, readableEntries } from "../entries.ts";
import type { Folders } from "../studio.ts";
import type { ListedFile, Listing } from "./shown.ts";

const MODEL = [".safetensors", ".ckpt", ".pt", ".pth"];

/** States hold a training's own files; hidden folders and packages hold no models. */
const PASSED_BY = /^\.|-state$|^node_modules$/;

const MOST_FILES = 5000, MOST_ENTRIES = 500_000, DEEPEST = 8;

/** Everything below `folder`, links to folders left aside. Throws Refused. */
export function listFiles(folder: string, folders: Folders): Listing {
  const top = folders.inside(folder), files: ListedFile[] = [];
  let entries = 0, more = false;
  const add = (path: string, name: string) => {
    const file = listed(path, name, folders);
    if (file) files.push(file);
  };
  const walk = (below: string, depth: number) => {
    for (const entry of depth === 0 ? entriesOf(top) : readableEntries(join(top, below))) {
      if (++entries > MOST_ENTRIES || files.length >= MOST_FILES) return void (more = true);
      const name = join(below, entry.name), path = join(top, name);
      if (entry.isDirectory) {
        if (PASSED_BY.test(entry.name)) continue;
        if (isDiffusersFolder(path)) add(path, name);
        else if (depth < DEEPEST) walk(name, depth + 1);
      } else if (MODEL.includes(extname(entry.name).toLowerCase())) add(path, name);
    }
  };
  walk("", 0);
  return {
    folder: top,
    files: files.sort((a, b) => b.changed - a.changed || (a.name < b.name ? -1 : 1)),
    more,
  };
}

/** Null for what is gone meanwhile, is no file, or leads out of the folders. */
function listed(path: string, name: string, folders: Folders): ListedFile | null {
  try {
    folders.inside(path);
    const { isFile, isDirectory, size, mtime } = Deno.statSync(path);
    if (!isFile && !isDirectory) return null;
    return { path, name, bytes: isFile ? size : null, changed: mtime?.getTime() ?? 0 };
  } catch {
    return null;
  }
}
