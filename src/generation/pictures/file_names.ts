/** The names of drawn pictures, as gen_img.py gives them. */

import { parse } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { nameProblem } from "../../base/files/inside_name.ts";

/** As pictures are written: the ending of their names. */
export const PICTURE_FORMATS = ["png", "jpg", "webp"] as const;
export type PictureFormat = typeof PICTURE_FORMATS[number];

export interface Naming {
  readonly sequential: boolean;
  /** Of names that do not say it themselves. */
  readonly format: PictureFormat;
  /** When the batch was done. */
  readonly time: Date;
}

export class FileNames {
  readonly #used = new Set<string>();

  /** `isTaken` tells names that are in the folder already. */
  constructor(private readonly isTaken: (name: string) => boolean = () => false) {}

  /**
   * `--f` as written, or the source picture's; else im_000001.png with --sequential_file_name; else
   * im_<time>_<place in batch>_<seed>.png, `mark` (0 and 1 for first and second passes) before the number. A name that this
   * run has used already gets a number, so that no picture overwrites another; so does one that is in the folder, but for
   * --sequential_file_name, which begins with 1 whatever there is.
   */
  next(
    picture: { index: number; place: number; seed: number; fileName: string | null; mark?: string },
    { sequential, format, time }: Naming,
  ): string {
    const { mark = "", fileName } = picture;
    const name = fileName !== null
      ? chosenName(fileName, format)
      : sequential
      ? `im_${mark}${String(picture.index + 1).padStart(6, "0")}.${format}`
      : `im_${stamp(time)}_${mark}${String(picture.place).padStart(3, "0")}_${picture.seed}.${format}`;
    const replaces = sequential && fileName === null;
    const { name: base, ext } = parse(name);
    let unique = name;
    for (let n = 2; this.#used.has(unique) || (!replaces && this.isTaken(unique)); n++) {
      unique = `${base}_${n}${ext}`;
    }
    this.#used.add(unique);
    return unique;
  }
}

/** A name given in a prompt stays inside the output folder; its ending says what kind of file it is. Throws UsageError. */
export function chosenName(fileName: string, format: PictureFormat = "png"): string {
  const name = fileName.trim();
  if (name === "") throw new UsageError("prompt option --f: a name is missing; give one, or leave it away");
  const problem = nameProblem(name, { folders: false });
  if (problem) throw new UsageError(`--f ${fileName}: ${problem}; the folder is set by --outdir`);
  if (/\.(bmp|gif|tiff?|avif|jxl)$/i.test(name)) {
    throw new UsageError(
      `--f ${fileName}: pictures are written as PNG, JPEG or WebP; end the name in .png, .jpg or .webp`,
    );
  }
  return /\.(png|jpe?g|webp)$/i.test(name) ? name : `${name}.${format}`;
}

/** YYYYMMDDhhmmss, local time. */
export function stamp(time: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}` +
    `${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}
