/** resize_images_to_resolution: pictures in several sizes, each of at most so many pixels, into another folder. */

import { basename, extname, isAbsolute, join } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { atomicWrite, atomicWriteFile, writeAll } from "../../../base/files/atomic.ts";
import { removeLeftovers } from "../../../base/files/leftovers.ts";
import { openFile } from "../../../base/files/regular_file.ts";
import type { JobContext } from "../../../base/job.ts";
import { counted } from "../../../base/phrases.ts";
import { Pool, threadsFor } from "../../../base/workers/pool.ts";
import { UnreadableImage } from "../../../images/load.ts";
import { eachMade } from "../pace.ts";
import { filesIn, isPictureName, refuseSharedPlaces } from "../pictures.ts";
import { type SizesConfig, sizesTask } from "./sizes_task.ts";

export interface ResizeImagesConfig extends SizesConfig {
  readonly source: string;
  readonly target: string;
  /** Texts of the same name get the resolution into their name too. */
  readonly copyAssociatedFiles: boolean;
  /** As SizesConfig.compat; capitals are no endings, damaged pictures end the work. */
  readonly compat: string | null;
  /** 0: one for each core. */
  readonly threads: number;
}

/** Throws UserError when a folder or the disk refuses. */
export async function resizeImages(config: ResizeImagesConfig, context: JobContext): Promise<void> {
  const { source, target, copyAssociatedFiles } = config;
  const files = filesIn(source), isPicture = (name: string) => isSource(name, config.compat !== null);
  if (config.compat === null) refuseShared(files.filter(isPicture), config);
  Deno.mkdirSync(target, { recursive: true });
  removeLeftovers(target, () => true, context.log);
  let written = 0, copied = 0;
  const copy = (from: string, to: string) => {
    copyFile(join(source, from), join(target, to));
    copied++;
  };
  const { maxResolutions, divisibleBy, interpolation, saveAsPng, compat, threads } = config;
  const sizes: SizesConfig = { maxResolutions, divisibleBy, interpolation, saveAsPng, compat };
  using pool = new Pool(threadsFor(threads, files.filter(isPicture).length));
  const make = async (name: string) =>
    isPicture(name) ? await pool.run(sizesTask, { path: join(source, name), config: sizes }) : null;
  await eachMade("resizing", files, context, pool, make, async (name, made) => {
    try {
      const pictures = await made;
      if (pictures === null) return copy(name, name);
      for (const { size, ending, bytes } of pictures) {
        atomicWriteFile(join(target, `${withoutEnding(name)}+${size}${ending}`), bytes);
        written++;
      }
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
        const base = withoutEnding(name);
        copy(other, `${base}+${size}${config.compat === null ? other.slice(base.length) : extname(other)}`);
      }
    }
  });
  context.log(`${target}: ${counted(written, "picture")} written, ${counted(copied, "file")} copied`);
}

/** The script knows endings in lower case only and copies other pictures as they are. */
function isSource(name: string, compat: boolean): boolean {
  return compat
    ? isPictureName(name) && name.slice(-5) === name.slice(-5).toLowerCase()
    : isPictureName(name);
}

/** a.png and a.jpg would both become a+SIZE.jpg. */
function refuseShared(
  names: readonly string[],
  { target, maxResolutions, saveAsPng }: ResizeImagesConfig,
): void {
  const ending = `+${maxResolutions[0].name}${saveAsPng ? ".png" : ".jpg"}`;
  refuseSharedPlaces(names, (name) => join(target, withoutEnding(name) + ending));
}

function withoutEnding(name: string): string {
  return basename(name, extname(name));
}

/** As the script's BASE.*: `a.b.txt` belongs to `a.png` too, where the script writes it over what `a.txt` became. */
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
