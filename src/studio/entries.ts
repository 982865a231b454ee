/** What lies in a folder. */

import { Refused } from "./studio.ts";

/** Throws Refused (404) where it cannot be read as a folder. */
export function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "no such folder"
      : cause instanceof Deno.errors.NotADirectory
      ? "is not a folder"
      : `cannot be read (${(cause as Error).message.split("\n")[0]})`;
    throw new Refused(404, `${folder}: ${why}`);
  }
}

/** Of one among many: one that cannot be read keeps no other from being shown. */
export function readableEntries(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch {
    return [];
  }
}
