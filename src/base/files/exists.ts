/** Whether there is something at a path. What cannot be looked at counts as not there. */

/** Something to use: links are followed, and one that leads nowhere is nothing. */
export function exists(path: string): boolean {
  return looked(() => Deno.statSync(path)) !== null;
}

/** A name that is taken, also by a link that leads nowhere. */
export function isTaken(path: string): boolean {
  return looked(() => Deno.lstatSync(path)) !== null;
}

/** A file, or a link to one. */
export function isFile(path: string): boolean {
  return looked(() => Deno.statSync(path))?.isFile ?? false;
}

/** A folder, or a link to one. */
export function isFolder(path: string): boolean {
  return looked(() => Deno.statSync(path))?.isDirectory ?? false;
}

function looked(stat: () => Deno.FileInfo): Deno.FileInfo | null {
  try {
    return stat();
  } catch {
    return null;
  }
}
