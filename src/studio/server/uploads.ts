/** Files that the page brings: new ones only, into the studio's folders. */

import { extname, join } from "node:path";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import { isTaken } from "../../base/files/exists.ts";
import { nameProblem } from "../../base/files/inside_name.ts";
import { IMAGE_EXTENSIONS } from "../../images/load.ts";
import { type Folders, Refused } from "../studio.ts";

/** A picture of 100 megapixels as PNG. */
export const MOST_UPLOADED = 256 << 20;

/** Pictures, and the texts beside them. */
const TAKEN = new Set([...IMAGE_EXTENSIONS.map((ending) => ending.toLowerCase()), ".txt", ".caption"]);

/** Makes a folder in one that there is; gives its path. One that is there already is as good. */
export function makeFolder(folders: Folders, parent: string, name: string): string {
  refuseName(name);
  const path = folders.inside(join(folders.inside(parent), name));
  try {
    Deno.mkdirSync(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists) || !Deno.statSync(path).isDirectory) {
      throw new Refused(409, `${path}: cannot be made (${(cause as Error).message})`);
    }
  }
  return path;
}

/** Writes a new file; gives its path. Throws Refused (409) where there is one of that name: nothing is ever replaced. */
export function keepUpload(folders: Folders, folder: string, name: string, bytes: Uint8Array): string {
  refuseName(name);
  if (!TAKEN.has(extname(name).toLowerCase())) {
    throw new Refused(415, `${name}: pictures are taken (${[...TAKEN].join(", ")})`);
  }
  const path = folders.inside(join(folders.inside(folder), name));
  if (isTaken(path)) throw new Refused(409, `${name}: is there already; it was left as it is`);
  atomicWriteFile(path, bytes);
  return path;
}

function refuseName(name: string): void {
  const problem = name === "" || name.startsWith(".") ? "is no name" : nameProblem(name, { folders: false });
  if (problem) throw new Refused(400, `${name.slice(0, 80)}: ${problem}; give another name`);
}
