/** The pictures that image to image starts from. */

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { kindBesidesFile } from "../../base/files/regular_file.ts";
import { loadImage } from "../../images/load.ts";
import type { Pixels } from "../../images/pixels.ts";
import { resizePillow } from "../../images/resampling/pillow.ts";

/** Endings that gen_img.py looks for in a folder. */
const ENDINGS = /\.(png|jpg|jpeg|webp)$/;

/** A picture and the file that it comes from. */
export interface InitialImage {
  readonly path: string;
  readonly image: Pixels;
}

/**
 * One file, or all pictures of a folder in name order, as RGB. With both --W and --H they are scaled to that size; then
 * down to multiples of 32. What of a folder cannot be read is told and null. `flag` is the one that names `path`. Throws
 * UserError for a file that cannot be read and a folder without one that can.
 */
export async function initialImages(
  path: string,
  { W, H, compat }: { W: number | null; H: number | null; compat: string | null },
  warn: (text: string) => void,
  flag: string,
): Promise<(InitialImage | null)[]> {
  const images: (InitialImage | null)[] = [], files = imageFiles(path, warn, flag);
  for (const file of files) {
    let image: Pixels;
    try {
      image = await loadImage(file, { compat: compat !== null });
    } catch (error) {
      if (!(error instanceof UserError) || file === path) throw error;
      warn(`${error.message}; it is left out`);
      images.push(null);
      continue;
    }
    if (W !== null && H !== null) image = resizePillow(image, W, H, "lanczos");
    const width = image.width - image.width % 32, height = image.height - image.height % 32;
    if (width === 0 || height === 0) {
      throw new UserError(
        `${file}: is ${image.width}x${image.height}, sides of at least 32 are wanted; set --W and --H`,
      );
    }
    if (width !== image.width || height !== image.height) {
      warn(`${file}: is scaled from ${image.width}x${image.height} to ${width}x${height}, multiples of 32`);
      image = resizePillow(image, width, height, "lanczos");
    }
    images.push({ path: file, image });
  }
  if (images.some((image) => image !== null)) return images;
  throw new UserError(`${path}: none of its ${files.length} pictures can be read; the warnings say why`);
}

/** A picture, or all of a folder in name order. */
export function imageFiles(
  path: string,
  warn: (text: string) => void = () => {},
  flag = "--image_path",
): string[] {
  try {
    if (!Deno.statSync(path).isDirectory) return [path];
    const names = [...Deno.readDirSync(path)].map((entry) => entry.name).filter((name) =>
      ENDINGS.test(name) && isFile(join(path, name), warn)
    );
    if (names.length) return names.sort().map((name) => join(path, name));
  } catch (cause) {
    throw new UserError(`${path}: cannot be read; ${flag} takes a picture or a folder of them`, {
      cause,
    });
  }
  throw new UserError(`${path}: holds no picture (png, jpg, jpeg, webp)`);
}

function isFile(path: string, warn: (text: string) => void): boolean {
  const kind = kindBesidesFile(Deno.statSync(path));
  if (kind !== null) warn(`${path}: is ${kind}, no picture; left out`);
  return kind === null;
}
