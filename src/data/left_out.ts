/**
 * Images that lie where they are not looked for, or in a format that is not read: told, or a third of a dataset is
 * missed unseen.
 */

import { basename, extname, join } from "node:path";
import { IMAGE_EXTENSIONS } from "./images/load.ts";

/** Endings of pictures, and of what holds pictures, that easel does not read. */
const OTHER_PICTURES =
  /^\.(avif|gif|hei[cf]|jxl|tiff?|jfif|jpe|jp2|j2k|psd|ico|svg|exr|hdr|tga|dng|cr2|nef|arw|mp4|webm)$/;

const READ = "only PNG, JPEG, WebP and BMP files are read";

/** One line for each folder of images below `dir` that is not among `used`, and for images in `dir` itself. */
export function foldersLeftOut(dir: string, names: readonly string[], used: ReadonlySet<string>): string[] {
  const lines: string[] = [], here = imagesIn(dir);
  if (here > 0) {
    lines.push(`${dir}: ${images(here)} beside the folders left out; put them into one of the folders`);
  }
  for (const name of names) {
    const path = join(dir, name), count = used.has(name) || hidden(name) ? 0 : imagesIn(path);
    if (count > 0) lines.push(`${path}: ${images(count)} left out, for its name ${whyUnused(name)}`);
  }
  return lines;
}

/** The same for the folders inside one that is trained on, and for pictures in it that are not read. */
export function leftOutInside(dir: string): string[] {
  const lines = entriesOf(dir).filter((entry) => entry.isDirectory && !hidden(entry.name)).flatMap(
    ({ name }) => {
      const count = imagesIn(join(dir, name));
      return count > 0
        ? [
          `${join(dir, name)}: ${images(count)} left out; only those directly in ${
            basename(dir)
          } are trained on`,
        ]
        : [];
    },
  );
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
