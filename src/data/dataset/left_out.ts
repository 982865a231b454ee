/**
 * Images that lie where they are not looked for, or in a format that is not read: told, or a third of a dataset is
 * missed unseen.
 */

import { basename, extname, join } from "node:path";
import { FORMAT_NAMES, IMAGE_EXTENSIONS } from "../../images/load.ts";

/** Endings of pictures, and of what holds pictures, that easel does not read. */
const OTHER_PICTURES =
  /^\.(gif|hei[cf]|tiff?|jfif|jpe|jp2|j2k|psd|ico|svg|exr|hdr|tga|dng|cr2|nef|arw|mp4|webm)$/;

const READ = `only ${FORMAT_NAMES} files are read`;

/** Folders that are looked into, where somebody gives a whole disk. */
const MOST_FOLDERS = 1000;

/** One line for each folder of images below `dir` that is not among `used`, and for images in `dir` itself. */
export function foldersLeftOut(dir: string, names: readonly string[], used: ReadonlySet<string>): string[] {
  const lines: string[] = [], here = imagesIn(dir);
  if (here > 0) {
    lines.push(`${dir}: ${images(here)} beside the folders left out; put them into one of the folders`);
  }
  for (const name of names) {
    if (used.has(name) || hidden(name)) continue;
    const path = join(dir, name), count = imagesIn(path);
    if (count > 0) lines.push(`${path}: ${images(count)} left out, for its name ${whyUnused(name)}`);
    lines.push(...leftOutBelow(path, dir, "folders directly"));
  }
  return lines;
}

/** The same for the folders inside one that is trained on, and for pictures in it that are not read. */
export function leftOutInside(dir: string): string[] {
  const lines = leftOutBelow(dir, dir, "those directly");
  const passed = new Map<string, number>();
  for (const { name, isDirectory } of entriesOf(dir)) {
    const ending = extname(name).toLowerCase();
    if (!isDirectory && !hidden(name) && OTHER_PICTURES.test(ending)) {
      passed.set(ending, (passed.get(ending) ?? 0) + 1);
    }
  }
  const list = [...passed].map(([ending, count]) => `${count} ${ending}`).join(", ");
  return list === "" ? lines : [...lines, `${dir}: left out: ${list}; ${READ}`];
}

/** One line for each folder of images somewhere below `dir`; `what` in `place` is what is trained on. */
function leftOutBelow(dir: string, place: string, what: string): string[] {
  const lines: string[] = [];
  const waiting = foldersIn(dir);
  for (let looked = 0; waiting.length > 0 && looked < MOST_FOLDERS; looked++) {
    const path = waiting.shift()!, count = imagesIn(path);
    if (count > 0) {
      lines.push(`${path}: ${images(count)} left out; only ${what} in ${basename(place)} are trained on`);
    }
    waiting.push(...foldersIn(path));
  }
  return lines;
}

/** Links are not followed: they may lead back. */
function foldersIn(dir: string): string[] {
  return entriesOf(dir).filter(({ name, isDirectory }) => isDirectory && !hidden(name))
    .map(({ name }) => join(dir, name));
}

function whyUnused(name: string): string {
  if (/^\s*[+-]?\d+\s*(_|$)/.test(name)) return "asks for no repeats";
  const [, repeats = "1", words = name] = /^(\d+)[^_]*_(.+)$/.exec(name) ?? [];
  return `does not begin with a number of repeats; call it ${repeats}_${words}`;
}

function images(count: number): string {
  return count === 1 ? "1 image is" : `${count} images are`;
}

function imagesIn(dir: string): number {
  return entriesOf(dir).filter(({ name, isDirectory }) =>
    !isDirectory && !hidden(name) && IMAGE_EXTENSIONS.includes(extname(name).toLowerCase())
  ).length;
}

/** What lies in a folder, by name; nothing where it cannot be read. */
function entriesOf(dir: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(dir)].sort((a, b) => a.name < b.name ? -1 : 1);
  } catch {
    return [];
  }
}

function hidden(name: string): boolean {
  return name.startsWith(".");
}
