/** Writes drawn pictures as a training folder: 00000.png with its caption in 00000.txt. */

import { atomicWriteFile } from "../../base/files/atomic.ts";
import { encodePng } from "../../images/png_file.ts";
import { PythonRandom } from "../../random/mod.ts";
import type { Picture } from "./scenes.ts";

export interface FolderOptions {
  readonly count: number;
  /** Pixels on each side. */
  readonly size: number;
  readonly seed: number;
}

/** Makes the folder that a program of these writes to; gives the line that says why it cannot be, else null. */
export function ownFolder(path: string): string | null {
  try {
    Deno.mkdirSync(path, { recursive: true });
    return null;
  } catch (error) {
    const reason = (error as Error).message.split(":")[0].replace(/ \(.*/, "");
    return `${path}: is no folder and cannot become one (${reason}); name another`;
  }
}

/**
 * Draws `count` pictures into `folder`, which is made if needed; the same options give the same bytes. Gives the line of
 * ownFolder().
 */
export function drawFolder(
  folder: string,
  draw: (random: PythonRandom, size: number) => Picture,
  { count, size, seed }: FolderOptions,
): string | null {
  const problem = ownFolder(folder);
  if (problem) return problem;
  const random = new PythonRandom(seed);
  for (let i = 0; i < count; i++) {
    const { canvas, caption } = draw(random, size);
    const name = `${folder}/${String(i).padStart(5, "0")}`;
    atomicWriteFile(`${name}.png`, encodePng({ ...canvas, data: canvas.pixels }));
    atomicWriteFile(`${name}.txt`, `${caption}\n`);
  }
  return null;
}
