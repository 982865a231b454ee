/** What processes that were killed while they wrote left behind (temporary.ts). */

import { basename, dirname, join } from "node:path";
import { lock, parseTemporary } from "./temporary.ts";

/** A leftover whose process is gone. */
export interface Leftover {
  readonly path: string;
  /** Name of what it was to become. */
  readonly target: string;
  /** "old": what stepped aside for something new that then never came. */
  readonly kind: "file" | "folder" | "old";
}

/** How earlier versions called them, with their process's number: NAME.PID.tmp, .NAME.PID.tmp, .NAME.PID.old. */
const NUMBERED = /^(.+)\.([1-9]\d{0,9})\.(tmp|old)$/s;

/**
 * Removes the files in a folder that were to become something for which `wanted(NAME)` holds, and tells it in a line.
 * Files that are being written now, by whatever process, stay; so does everything that easel would not call so.
 */
export function removeLeftovers(
  folder: string,
  wanted: (name: string) => boolean,
  log: (line: string) => void,
): void {
  forEachLeftover(folder, wanted, ({ path, kind }) => {
    if (kind !== "file") return;
    Deno.removeSync(path);
    log(`${path}: removed, a run that was killed while writing left it`);
  });
}

/** The same for a single file that is about to be written. */
export function removeLeftoversOf(path: string, log: (line: string) => void): void {
  removeLeftovers(dirname(path), (name) => name === basename(path), log);
}

/** Calls `use` for each leftover while it is locked. What fails in `use` is left for the next start. */
export function forEachLeftover(
  folder: string,
  wanted: (name: string) => boolean,
  use: (leftover: Leftover) => void,
): void {
  for (const name of namesIn(folder)) {
    const found = named(name);
    if (!found || !wanted(found.target)) continue;
    const path = join(folder, name);
    try {
      const { isFile, isDirectory } = Deno.lstatSync(path);
      if (!isFile && !isDirectory) continue;
      using file = Deno.openSync(path, { read: true, write: isFile });
      if (lock(file) !== "held") continue;
      use({ path, target: found.target, kind: isFile ? "file" : found.old ? "old" : "folder" });
    } catch { /* somebody else's, or gone meanwhile */ }
  }
}

/** Of a temporary's name: what it was to become. Folders have a dot in front, which is no part of that. */
function named(name: string): { target: string; old: boolean } | null {
  const found = parseTemporary(name) ?? parseNumbered(name);
  return found && { ...found, target: found.target.replace(/^\./, "") };
}

function parseNumbered(name: string): { target: string; old: boolean } | null {
  const [, target, process, end] = NUMBERED.exec(name) ?? [];
  return target === undefined || isRunning(process) ? null : { target, old: end === "old" };
}

/** Whether any process has that number here: earlier versions held no locks. */
function isRunning(process: string): boolean {
  try {
    Deno.statSync(`/proc/${process}`);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return []; // not there yet
  }
}
