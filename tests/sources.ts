/** The program's own text, for tests of its rules. */

import { join } from "node:path";

export const ROOT = join(import.meta.dirname!, "..");

/** Every TypeScript file below the folders, as paths from the root, sorted. */
export function sources(...folders: string[]): string[] {
  const found: string[] = [];
  const walk = (folder: string) => {
    for (const entry of Deno.readDirSync(join(ROOT, folder))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) walk(path);
      else if (path.endsWith(".ts")) found.push(path);
    }
  };
  for (const folder of folders) walk(folder);
  return found.sort();
}

export function textOf(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path));
}
