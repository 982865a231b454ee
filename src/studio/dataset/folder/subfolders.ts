/** A folder as sd-scripts takes it: the folders in it, their repeats, and what would be left out. */

import { basename, dirname, join } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { isFolder } from "../../../base/files/exists.ts";
import { askedByName, subsetsBelow } from "../../../data/dataset/folders.ts";
import { leftOutInside } from "../../../data/dataset/left_out.ts";
import { byCodePoint } from "../../../text/code_points.ts";
import { entriesOf, readableEntries } from "../../entries.ts";
import type { FolderSeen } from "../shown.ts";
import { isImageName } from "./listing.ts";

/** `inside` refuses folders that are links to elsewhere; those are not shown. */
export function seeFolder(path: string, inside: (path: string) => string): FolderSeen {
  const entries = entriesOf(path);
  const folders = entries.filter((entry) => isShownFolder(path, entry, inside)).map(({ name }) => ({
    ...{ name, path: join(path, name), pictures: picturesBelow(join(path, name), inside) },
    ...askedFor(name),
  })).sort((a, b) => byCodePoint(a.name, b.name));
  const pictures = countOf(entries), named = folders.some(({ repeats }) => repeats !== null);
  return {
    path,
    parent: parentOf(path, inside),
    pictures,
    ...askedFor(basename(path)),
    folders,
    notes: notesOf(path, named),
  };
}

function parentOf(path: string, inside: (path: string) => string): string | null {
  try {
    return inside(dirname(path));
  } catch {
    return null;
  }
}

function notesOf(path: string, named: boolean): readonly string[] {
  if (!named) return leftOutInside(path);
  try {
    return subsetsBelow(path, false).notes;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [error.message];
  }
}

function askedFor(name: string): { repeats: number | null; classTokens: string } {
  return askedByName(name) ?? { repeats: null, classTokens: "" };
}

function isShownFolder(path: string, entry: Deno.DirEntry, inside: (path: string) => string): boolean {
  if (entry.name.startsWith(".")) return false;
  if (!entry.isSymlink) return entry.isDirectory;
  try {
    return isFolder(inside(join(path, entry.name)));
  } catch {
    return false; // it leads out
  }
}

/** In a folder and in those in it that are named REPEATS_NAME, which a training of it takes. */
function picturesBelow(path: string, inside: (path: string) => string): number {
  const entries = readableEntries(path);
  const named = entries.filter((entry) => askedByName(entry.name) && isShownFolder(path, entry, inside));
  return named.reduce((sum, { name }) => sum + countOf(readableEntries(join(path, name))), countOf(entries));
}

function countOf(entries: readonly Deno.DirEntry[]): number {
  return entries.filter(({ name, isDirectory }) => !isDirectory && isImageName(name)).length;
}
