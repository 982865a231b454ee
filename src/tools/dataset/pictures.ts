/** Which files of a folder are pictures, in the order of Python's sorted(): what the dataset tools go through. */

import { join } from "node:path";
import { UsageError, UserError } from "../../base/errors.ts";
import { isFolder } from "../../base/files/exists.ts";
import { pathHint } from "../../base/files/path_hint.ts";
import { IMAGE_EXTENSIONS } from "../../images/load.ts";
import { byCodePoint } from "../../text/code_points.ts";

export interface PictureFolder {
  /** Folders below too. Links to folders are not followed. */
  readonly recursive?: boolean;
  /** As sd-scripts 0.9.1: a folder that does not exist is empty, a folder named like a picture is one. */
  readonly compat?: boolean;
}

const ENDINGS = new Set([...IMAGE_EXTENSIONS, ...IMAGE_EXTENSIONS.map((ending) => ending.toUpperCase())]);

/** Endings count in lower and in upper case only: `a.Png` is none. */
export function isPictureName(name: string): boolean {
  return ENDINGS.has(name.slice(Math.max(0, name.lastIndexOf("."))));
}

/** Throws UsageError for an ending with which a text would be written in the place of its picture, or of another. */
export function refusePictureEnding(extension: string): void {
  if (!isPictureName(extension.toLowerCase())) return;
  throw new UsageError(
    `--caption_extension ${extension}: is a picture's ending, and pictures would be replaced; give .txt`,
  );
}

/** Paths of the pictures in `dir`, beginning with `dir` as pathlib writes it. Throws UserError when it is no folder. */
export function picturesIn(dir: string, options: PictureFolder = {}): string[] {
  const top = plainPath(dir), found: string[][] = [];
  const walk = (parts: readonly string[]) => {
    for (const entry of entriesOf(join(top, ...parts), parts.length === 0 && options.compat === true)) {
      const below = [...parts, entry.name];
      if (isPictureName(entry.name) && (options.compat || !entry.isDirectory)) found.push(below);
      if (entry.isDirectory && options.recursive) walk(below);
    }
  };
  walk([]);
  return found.sort(byParts).map((parts) =>
    (top === "." ? parts : [top, ...parts]).join("/").replace(/^\/\//, "/")
  );
}

/** Names of all files in `dir`, sorted; links to folders are none. Throws UserError when it is no folder. */
export function filesIn(dir: string): string[] {
  const files = entriesOf(dir, false).filter((entry) =>
    !entry.isDirectory && !(entry.isSymlink && isFolder(join(dir, entry.name)))
  );
  return files.map(({ name }) => name).sort(byCodePoint);
}

/** Throws UserError where two pictures would be written under one name, of which one would be lost. */
export function refuseSharedPlaces(
  pictures: readonly string[],
  placeOf: (path: string) => string,
  remedy = "",
): void {
  const owners = new Map<string, string>();
  for (const path of pictures) {
    const place = placeOf(path), owner = owners.get(place);
    if (owner !== undefined) {
      throw new UserError(`${owner} and ${path} would share ${place}; rename one of them${remedy}`);
    }
    owners.set(place, path);
  }
}

/** The path as str(Path(path)) gives it: "./d/" is "d", "d/../e" stays. */
export function plainPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return (path.startsWith("/") ? "/" : "") + parts.join("/") || ".";
}

function byParts(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = byCodePoint(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function entriesOf(dir: string, maybeMissing: boolean): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(dir)];
  } catch (cause) {
    if (maybeMissing) return [];
    const why = cause instanceof Deno.errors.NotFound
      ? `no such folder${pathHint(dir)}`
      : cause instanceof Deno.errors.NotADirectory
      ? "is not a folder"
      : `cannot be read (${(cause as Error).message})`;
    throw new UserError(`${dir}: ${why}`, { cause });
  }
}
