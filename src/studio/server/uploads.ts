/** Files that the page brings: new ones only, into the studio's folders. */

import { extname, join } from "node:path";
import { atomicWriteSlowly, writeAll } from "../../base/files/atomic.ts";
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

/** Paths that are being written: of two with one name the first is taken. */
const coming = new Set<string>();

/**
 * Writes a new file as its pieces come, so that it is never held whole; gives its path. Throws Refused (409) where there is
 * one of that name: nothing is ever replaced.
 */
export async function keepUpload(
  folders: Folders,
  folder: string,
  name: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<string> {
  let path: string;
  try {
    path = newPath(folders, folder, name);
  } catch (refused) {
    for await (const _ of pieces); // a browser hears the answer once all that it sends is taken
    throw refused;
  }
  coming.add(path);
  try {
    await atomicWriteSlowly(path, async (file) => {
      for await (const piece of pieces) writeAll(file, piece);
      refuseTaken(path, name); // by a job meanwhile
    });
  } catch (error) {
    throw (error as Error).cause instanceof Refused ? (error as Error).cause : error;
  } finally {
    coming.delete(path);
  }
  return path;
}

function newPath(folders: Folders, folder: string, name: string): string {
  refuseName(name);
  if (!TAKEN.has(extname(name).toLowerCase())) {
    throw new Refused(415, `${name}: pictures are taken (${[...TAKEN].join(", ")})`);
  }
  const path = folders.inside(join(folders.inside(folder), name));
  refuseTaken(path, name);
  if (coming.has(path)) throw new Refused(409, `${name}: is being brought already`);
  return path;
}

function refuseTaken(path: string, name: string): void {
  if (isTaken(path)) throw new Refused(409, `${name}: is there already; it was left as it is`);
}

function refuseName(name: string): void {
  const problem = name === "" || name.startsWith(".") ? "is no name" : nameProblem(name, { folders: false });
  if (problem) throw new Refused(400, `${name.slice(0, 80)}: ${problem}; give another name`);
}
