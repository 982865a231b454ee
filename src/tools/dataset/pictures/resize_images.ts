/** resize_images_to_resolution: pictures in several sizes, each of at most so many pixels, into another folder. */

import { basename, extname, isAbsolute, join } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { atomicWrite, writeAll } from "../../../base/files/atomic.ts";
import { removeLeftovers } from "../../../base/files/leftovers.ts";
import { openFile } from "../../../base/files/regular_file.ts";
import type { JobContext } from "../../../base/job.ts";
import { counted } from "../../../base/phrases.ts";
import { loadImage, UnreadableImage } from "../../../images/load.ts";
import { resizePillow } from "../../../images/resampling/pillow.ts";
import { crop, type Pixels } from "../../../images/pixels.ts";
import { resizeArea } from "../../../images/resampling/area.ts";
import { writePicture } from "../../../images/write.ts";
import { eachPicture } from "../pace.ts";
import { filesIn, isPictureName } from "../pictures.ts";
import type { MaxResolution } from "./resolutions.ts";

export interface ResizeImagesConfig {
  readonly source: string;
  readonly target: string;
  readonly maxResolutions: readonly MaxResolution[];
  readonly divisibleBy: number;
  readonly interpolation: "area" | "cubic" | "lanczos4";
  /** JPEG of quality 100 otherwise. */
  readonly saveAsPng: boolean;
  /** Texts of the same name get the resolution into their name too. */
  readonly copyAssociatedFiles: boolean;
  /** Each size from the one before, capitals are no endings, damaged pictures end the work. */
  readonly compat: string | null;
}

const SHRINK = {
  area: resizeArea,
  cubic: (image: Pixels, width: number, height: number) => resizePillow(image, width, height, "bicubic"),
  lanczos4: (image: Pixels, width: number, height: number) => resizePillow(image, width, height, "lanczos"),
} as const;

/** Throws UserError when a folder or the disk refuses. */
export async function resizeImages(config: ResizeImagesConfig, context: JobContext): Promise<void> {
  const { source, target, copyAssociatedFiles } = config;
  const files = filesIn(source), isPicture = (name: string) => isSource(name, config.compat !== null);
  Deno.mkdirSync(target, { recursive: true });
  removeLeftovers(target, () => true, context.log);
  let written = 0, copied = 0;
  const copy = (from: string, to: string) => {
    copyFile(join(source, from), join(target, to));
    copied++;
  };
  await eachPicture("resizing", files, context, async (name) => {
    if (!isPicture(name)) return copy(name, name);
    try {
      written += await resizeOne(name, config);
    } catch (error) {
      if (!(error instanceof UnreadableImage) || config.compat !== null) throw error;
      context.warn(`${error.message}; it is left out`);
      return;
    }
    if (!copyAssociatedFiles) return;
    for (const other of files.filter((file) => belongsTo(file, name) && !isPicture(file))) {
      if (config.compat !== null && !isAbsolute(source)) {
        throw new UserError(
          `${source}: sd-scripts 0.9.1 only finds ${other} below a path that begins with /`,
        );
      }
      for (const { name: size } of config.maxResolutions) {
        copy(other, `${withoutEnding(name)}+${size}${extname(other)}`);
      }
    }
  });
  context.log(`${target}: ${counted(written, "picture")} written, ${counted(copied, "file")} copied`);
}

/** Writes a picture in every size; how many these are. */
async function resizeOne(name: string, config: ResizeImagesConfig): Promise<number> {
  const { source, target, maxResolutions, saveAsPng, compat } = config;
  const original = await loadImage(join(source, name), { compat: compat !== null });
  let image = original;
  for (const size of maxResolutions) {
    image = fitted(compat === null ? original : image, size.pixels, config, join(source, name));
    const path = join(target, `${withoutEnding(name)}+${size.name}${saveAsPng ? ".png" : ".jpg"}`);
    await writePicture(path, image, { jpeg: 100 });
  }
  return maxResolutions.length;
}

function fitted(image: Pixels, pixels: number, config: ResizeImagesConfig, path: string): Pixels {
  const { divisibleBy, interpolation, compat } = config, now = image.width * image.height;
  let scaled = image;
  if (now > pixels) {
    if (interpolation !== "area" && compat !== null) {
      throw new UserError(
        `${path}: sd-scripts 0.9.1 only resizes with --interpolation area; leave --compat out`,
      );
    }
    const factor = Math.sqrt(pixels / now),
      side = (length: number) => Math.max(1, Math.trunc(length * factor));
    scaled = SHRINK[interpolation](image, side(image.width), side(image.height));
  }
  const width = scaled.width - scaled.width % divisibleBy,
    height = scaled.height - scaled.height % divisibleBy;
  if (width === 0 || height === 0) {
    const has = `${scaled.width}x${scaled.height}`;
    throw new UserError(
      `${path}: nothing is left of ${has} pixels with --divisible_by ${divisibleBy}; lower it`,
    );
  }
  return crop(
    scaled,
    Math.floor((scaled.width - width) / 2),
    Math.floor((scaled.height - height) / 2),
    width,
    height,
  );
}

/** The script knows endings in lower case only and copies other pictures as they are. */
function isSource(name: string, compat: boolean): boolean {
  return compat
    ? isPictureName(name) && name.slice(-5) === name.slice(-5).toLowerCase()
    : isPictureName(name);
}

function withoutEnding(name: string): string {
  return basename(name, extname(name));
}

/** As the script's BASE.*: `a.b.txt` belongs to `a.png` too. */
function belongsTo(file: string, picture: string): boolean {
  return file.startsWith(`${withoutEnding(picture)}.`);
}

const PIECE = 1 << 20;

function copyFile(from: string, to: string): void {
  using input = openFile(from);
  const piece = new Uint8Array(PIECE);
  atomicWrite(to, (output) => {
    for (let n = input.readSync(piece); n !== null; n = input.readSync(piece)) {
      writeAll(output, piece.subarray(0, n));
    }
  });
}
