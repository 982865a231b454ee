/**
 * Folders of states are whole or not there at every moment. A new one is filled under a temporary name and then renamed;
 * one that replaces another changes places with it in one step; an old one gets a temporary name before it is removed.
 * Only what easel put there is ever removed: a folder with anything else in it is kept.
 */
import { basename, dirname, join } from "node:path";
import { exchange } from "../../../ffi/exchange.ts";
import { forEachLeftover, type Leftover } from "../../base/files/leftovers.ts";
import { throughLinks } from "../../base/files/links.ts";
import { finished, parseTemporary, temporaryFolder, temporaryPath } from "../../base/files/temporary.ts";
import { STATE_FILE, TENSOR_FILE } from "./format.ts";

type Tell = (line: string) => void;

/** Begins the state.json of every version. */
const BEGINNING = '{"format":"easel training state ';

/** Puts what `fill` writes into a new folder in the place of `path`. Throws what the system says. */
export function writeFolder(path: string, fill: (folder: string) => void, tell: Tell): void {
  const target = throughLinks(path), draft = temporaryFolder(hidden(target));
  let placed = false;
  try {
    fill(draft.path);
    syncNames(draft.file);
    const old = put(draft.path, target);
    placed = true;
    if (old !== null) discard(old, target, tell);
  } finally {
    if (!placed) Deno.removeSync(draft.path, { recursive: true });
    finished(draft);
  }
}

/** Removes a state that is no longer wanted. A link to one is removed alone. */
export function removeState(path: string, tell: Tell): void {
  const found = lstat(path);
  if (found === null) return;
  if (found.isSymlink) return Deno.removeSync(path);
  if (!found.isDirectory || !holdsOnlyState(path) || lstat(join(path, STATE_FILE)) === null) {
    return tell(`${path}: is kept, it holds something else than a training state`);
  }
  const aside = temporaryPath(hidden(path));
  Deno.renameSync(path, aside);
  Deno.removeSync(aside, { recursive: true });
}

/** Clears away what killed processes left of folders for which `wanted(NAME)` holds, and says so. */
export function tidyStates(folder: string, wanted: (name: string) => boolean, tell: Tell): void {
  forEachLeftover(folder, wanted, (leftover) => {
    if (leftover.kind !== "file") tidy(leftover, join(folder, leftover.target), tell);
  });
}

function tidy({ path, kind }: Leftover, target: string, tell: Tell): void {
  if (kind === "old" && lstat(target) === null) {
    Deno.renameSync(path, target);
    tell(`${target}: brought back, a run was killed while it replaced it`);
  } else if (discard(path, target, tell)) tell(`${path}: removed, a run that was killed left it`);
}

/** Gives the temporary name that what was called `to` has now; null where there was nothing. */
function put(from: string, to: string): string | null {
  if (lstat(to) === null) {
    Deno.renameSync(from, to);
    return null;
  }
  if (exchange(from, to)) return from;
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

/** Removes what has a temporary name now, as far as it is a state. True when it is gone. */
function discard(path: string, target: string, tell: Tell): boolean {
  if (holdsOnlyState(path)) {
    Deno.removeSync(path, { recursive: true });
    return true;
  }
  const kept = target + ".kept-" + crypto.getRandomValues(new Uint8Array(4)).toHex();
  Deno.renameSync(path, kept);
  tell(`${target}: held something else than a training state, which is kept in ${kept}`);
  return false;
}

/** Whether a folder holds nothing but files of a state, some or all of them. */
function holdsOnlyState(folder: string): boolean {
  if (!lstat(folder)?.isDirectory) return false;
  return [...Deno.readDirSync(folder)].every(({ name, isFile }) => {
    const becoming = parseTemporary(name)?.target ?? name.replace(/\.\d+\.tmp$/, "");
    if (!isFile || becoming !== TENSOR_FILE && becoming !== STATE_FILE) return false;
    return name !== STATE_FILE || begins(join(folder, name));
  });
}

function begins(path: string): boolean {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(BEGINNING.length);
  file.readSync(bytes);
  return new TextDecoder().decode(bytes) === BEGINNING;
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
