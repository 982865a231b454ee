/**
 * What is being written and has no name of its own yet. A temporary is called NAME.easel-RANDOM.tmp, where nobody can
 * guess RANDOM, is made only where nothing has that name, and is locked for as long as its process lives. So whoever
 * finds one that is not locked knows that its process was killed, also in another container and where process numbers
 * come again (leftovers.ts).
 */

import { basename, dirname, join } from "node:path";
import { isTaken } from "./exists.ts";

/** Paths of this process's temporaries, so that an interrupted process can remove them. */
const unfinished = new Set<string>();

const NAME = /^(.+)\.easel-[0-9a-f]{16}\.(tmp|old)$/s;

/** File systems allow names of 255 bytes. */
const LONGEST = 220;

/** A name beside `path` that is free; one that ends in "old" is for what steps aside for something new. */
export function temporaryPath(path: string, end: "tmp" | "old" = "tmp"): string {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const name = basename(path), bytes = new TextEncoder().encode(name).length;
  return join(dirname(path), `${bytes > LONGEST ? name.slice(0, 50) : name}.easel-${random}.${end}`);
}

/** What a temporary of this name was to become, or was; null for names of other things. */
export function parseTemporary(name: string): { target: string; old: boolean } | null {
  const match = NAME.exec(name);
  return match && { target: match[1], old: match[2] === "old" };
}

export interface Temporary {
  readonly path: string;
  /** Open and locked. */
  readonly file: Deno.FsFile;
}

/** Makes an empty file beside `path`. Throws what the system says. */
export function temporaryFile(path: string): Temporary {
  return made(path, (temporary) => Deno.openSync(temporary, { write: true, createNew: true }));
}

/** Makes an empty folder beside `path`. Throws what the system says. */
export function temporaryFolder(path: string): Temporary {
  return made(path, (temporary) => {
    Deno.mkdirSync(temporary);
    return Deno.openSync(temporary);
  });
}

function made(path: string, make: (temporary: string) => Deno.FsFile): Temporary {
  for (;;) {
    const temporary = temporaryPath(path);
    unfinished.add(temporary);
    let file: Deno.FsFile | null = null;
    try {
      file = make(temporary);
      // Somebody who cleans up may have come between making and locking.
      if (lock(file) !== "taken" && isTaken(temporary)) return { path: temporary, file };
      file.close();
    } catch (error) {
      file?.close();
      unfinished.delete(temporary);
      throw error;
    }
    unfinished.delete(temporary);
  }
}

/** To be called once the temporary has got its name, or is gone. */
export function finished({ path, file }: Temporary): void {
  unfinished.delete(path);
  file.close();
}

/** "none" where the file system has no locks. */
export function lock(file: Deno.FsFile): "held" | "taken" | "none" {
  try {
    return file.tryLockSync(true) ? "held" : "taken";
  } catch {
    return "none";
  }
}

/** Removes the temporaries of writes that did not finish: called once when the process is told to stop. */
export function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      Deno.removeSync(path, { recursive: true });
    } catch { /* already gone */ }
  }
}
