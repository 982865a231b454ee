/** The names of drawn pictures, as gen_img.py gives them. */

import { UsageError } from "../../base/errors.ts";
import { nameProblem } from "../../base/files/inside_name.ts";

export interface Naming {
  readonly sequential: boolean;
  /** When the batch was done. */
  readonly time: Date;
}

export class FileNames {
  readonly #used = new Set<string>();

  /**
   * `--f` as written, or the source picture's; else im_000001.png with --sequential_file_name; else
   * im_<time>_<place in batch>_<seed>.png, `mark` (0 and 1 for first and second passes) before the number. A name that this
   * run has used already gets a number, so that no picture overwrites another.
   */
  next(
    picture: { index: number; place: number; seed: number; fileName: string | null; mark?: string },
    { sequential, time }: Naming,
  ): string {
    const { mark = "" } = picture;
    const name = picture.fileName !== null
      ? chosenName(picture.fileName)
      : sequential
      ? `im_${mark}${String(picture.index + 1).padStart(6, "0")}.png`
      : `im_${stamp(time)}_${mark}${String(picture.place).padStart(3, "0")}_${picture.seed}.png`;
    const base = name.replace(/\.png$/i, "");
    let unique = name;
    for (let n = 2; this.#used.has(unique); n++) unique = `${base}_${n}.png`;
    this.#used.add(unique);
    return unique;
  }
}

/** A name given in a prompt stays inside the output folder. Throws UsageError. */
export function chosenName(fileName: string): string {
  const name = fileName.trim();
  const problem = nameProblem(name, { folders: false });
  if (problem) throw new UsageError(`--f ${fileName}: ${problem}; the folder is set by --outdir`);
  const extension = name.match(/\.(jpe?g|webp|bmp|gif|tiff?)$/i);
  if (extension) throw new UsageError(`--f ${fileName}: pictures are written as PNG; end the name in .png`);
  return /\.png$/i.test(name) ? name : `${name}.png`;
}

/** YYYYMMDDhhmmss, local time. */
export function stamp(time: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}` +
    `${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}
