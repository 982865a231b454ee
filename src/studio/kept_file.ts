/** Files that the studio keeps in its own folder, which may have come from elsewhere together with the folder around it. */

import { dirname, join, relative } from "node:path";
import { UserError } from "../base/errors.ts";
import { atomicWriteFile } from "../base/files/atomic.ts";

/**
 * Writes `path`, which is below `home`, for nobody else to look into. Throws UserError where a link would lead the writing
 * elsewhere, and where the disk refuses.
 */
export function writeKept(home: string, path: string, data: string): void {
  const folder = dirname(path);
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = Deno.realPathSync(folder) === join(Deno.realPathSync(home), relative(home, folder));
  if (!own || isLink(path)) {
    throw new UserError(`${path}: is a link to elsewhere, where nothing is kept; remove it`);
  }
  atomicWriteFile(path, data);
}

export function isLink(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSymlink;
  } catch {
    return false;
  }
}
