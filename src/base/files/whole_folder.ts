/**
 * Folders that are whole or not there at every moment. A new one is filled under a temporary name and then renamed; one
 * that replaces another changes places with it in one step; an old one gets a temporary name before it is removed. Only
 * what easel put there is ever removed: a folder with anything else in it is kept.
 */
import { basename, dirname, join } from "node:path";
import { forEachLeftover, type Leftover } from "./leftovers.ts";
import { throughLinks } from "./links.ts";
import { finished, type Temporary, temporaryFolder, temporaryPath } from "./temporary.ts";

type Tell = (line: string) => void;

/** What is kept in such folders. */
export interface FolderKind {
  /** "a training state". */
  readonly what: string;
  /** Whether a folder holds nothing but files of one, some or all of them, finished or not. */
  readonly holdsOnly: (folder: string) => boolean;
  /** A file without which it is none. */
  readonly mark: string;
  /** Exchanges what two paths name, in one step; false where that cannot be done. */
  readonly exchange: (a: string, b: string) => boolean;
}

/** Puts what `fill` writes into a new folder in the place of `path`. Throws what the system says. */
export function writeFolder(
  path: string,
  kind: FolderKind,
  fill: (folder: string) => void,
  tell: Tell,
): void {
  const draft = begin(path);
  try {
    fill(draft.path);
  } catch (error) {
    abandon(draft);
    throw error;
  }
  finish(draft, path, kind, tell);
}

/** The same for a `fill` that waits now and then. */
export async function writeFolderSlowly(
  path: string,
  kind: FolderKind,
  fill: (folder: string) => Promise<void>,
  tell: Tell,
): Promise<void> {
  const draft = begin(path);
  await fill(draft.path).catch((error) => {
    abandon(draft);
    throw error;
  });
  finish(draft, path, kind, tell);
}

function begin(path: string): Temporary {
  return temporaryFolder(hidden(throughLinks(path)));
}

function abandon(draft: Temporary): void {
  Deno.removeSync(draft.path, { recursive: true });
  finished(draft);
}

function finish(draft: Temporary, path: string, kind: FolderKind, tell: Tell): void {
  const target = throughLinks(path);
  let placed = false;
  try {
    syncNames(draft.file);
    const old = put(draft.path, target, kind);
    placed = true;
    if (old !== null) discard(old, target, kind, tell);
  } finally {
    if (!placed) Deno.removeSync(draft.path, { recursive: true });
    finished(draft);
  }
}

/** Removes one that is no longer wanted. A link to one is removed alone. */
export function removeFolder(path: string, kind: FolderKind, tell: Tell): void {
  const found = lstat(path);
  if (found === null) return;
  if (found.isSymlink) return Deno.removeSync(path);
  if (!found.isDirectory || !kind.holdsOnly(path) || lstat(join(path, kind.mark)) === null) {
    return tell(`${path}: is kept, it holds something else than ${kind.what}`);
  }
  const aside = temporaryPath(hidden(path));
  Deno.renameSync(path, aside);
  Deno.removeSync(aside, { recursive: true });
}

/** Clears away what killed processes left of folders for which `wanted(NAME)` holds, and says so. */
export function tidyFolders(
  folder: string,
  wanted: (name: string) => boolean,
  kind: FolderKind,
  tell: Tell,
): void {
  forEachLeftover(folder, wanted, (leftover) => {
    if (leftover.kind !== "file") tidy(leftover, join(folder, leftover.target), kind, tell);
  });
}

function tidy({ path, kind: left }: Leftover, target: string, kind: FolderKind, tell: Tell): void {
  if (left === "old" && lstat(target) === null) {
    Deno.renameSync(path, target);
    tell(`${target}: brought back, a run was killed while it replaced it`);
  } else if (discard(path, target, kind, tell)) tell(`${path}: removed, a run that was killed left it`);
}

/** Gives the temporary name that what was called `to` has now; null where there was nothing. */
function put(from: string, to: string, kind: FolderKind): string | null {
  if (lstat(to) === null) {
    Deno.renameSync(from, to);
    return null;
  }
  if (kind.exchange(from, to)) return from;
  // Where that cannot be done at once: what a kill in between leaves aside is brought back by the next start.
  const aside = temporaryPath(hidden(to), "old");
  Deno.renameSync(to, aside);
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    Deno.renameSync(aside, to);
    throw error;
  }
  return aside;
}

/** Removes what has a temporary name now, as far as it is of that kind. True when it is gone. */
function discard(path: string, target: string, kind: FolderKind, tell: Tell): boolean {
  if (kind.holdsOnly(path)) {
    Deno.removeSync(path, { recursive: true });
    return true;
  }
  const kept = target + ".kept-" + crypto.getRandomValues(new Uint8Array(4)).toHex();
  Deno.renameSync(path, kept);
  tell(`${target}: held something else than ${kind.what}, which is kept in ${kept}`);
  return false;
}

/** Some file systems sync no folders; on those a power cut may take the names. */
function syncNames(folder: Deno.FsFile): void {
  try {
    folder.syncSync();
  } catch { /* see above */ }
}

const hidden = (path: string) => join(dirname(path), `.${basename(path)}`);

function lstat(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
