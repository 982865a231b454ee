/** cache_info: sizes and captions of a folder in its metadata_cache.json, as sd-scripts writes and reads them. */

import { basename, join } from "node:path";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import { UserError } from "../../base/errors.ts";
import { isTaken } from "../../base/files/exists.ts";
import { counted } from "../../base/phrases.ts";
import { readJson } from "../../formats/json.ts";
import type { Size } from "../batches/buckets.ts";
import type { ImageEntry } from "../dataset/entries.ts";

export interface ImageInfo {
  readonly caption: string;
  /** Width and height in pixels. */
  readonly size: Size;
}

const AGAIN = "remove it so that it is made again";

export function imageInfoFile(dir: string): string {
  return join(dir, "metadata_cache.json");
}

/**
 * What the file of `dir` says of the images that are there (`present`), by name and in its order; null where there is no
 * file. Its paths may be those of another folder. Throws UserError for what is none.
 */
export function readImageInfo(
  dir: string,
  present: ReadonlySet<string>,
): ReadonlyMap<string, ImageInfo> | null {
  const file = imageInfoFile(dir);
  if (!isTaken(file)) return null;
  const read = parsed(file);
  if (typeof read !== "object" || read === null || Array.isArray(read)) {
    throw new UserError(`${file}: is no table of images; ${AGAIN}`);
  }
  const found = Object.entries(read).map(([path, info]): [string, ImageInfo] => [
    basename(path.replaceAll("\\", "/")),
    toInfo(info) ?? odd(file, path),
  ]);
  return new Map(found.filter(([name]) => present.has(name)));
}

/** sd-scripts, stopped while it writes the file, leaves a part of it. */
function parsed(file: string): unknown {
  try {
    return readJson(file, AGAIN);
  } catch (cause) {
    if (!(cause instanceof UserError && cause.cause instanceof SyntaxError)) throw cause;
    throw new UserError(`${cause.message}; ${AGAIN}`, { cause });
  }
}

function odd(file: string, path: string): never {
  throw new UserError(
    `${file}: ${
      JSON.stringify(path)
    } has no caption and resolution, like {"caption": "a cat", "resolution": [512, 512]}; ${AGAIN}`,
  );
}

function toInfo(value: unknown): ImageInfo | null {
  if (typeof value !== "object" || value === null) return null;
  const { caption, resolution } = value as { caption?: unknown; resolution?: unknown };
  if (typeof caption !== "string" || !Array.isArray(resolution) || resolution.length !== 2) return null;
  const [width, height] = resolution;
  if (![width, height].every((side) => Number.isSafeInteger(side) && side > 0)) return null;
  return { caption, size: [width, height] };
}

/** Writes the whole file or none. Throws UserError. */
export function writeImageInfo(dir: string, entries: readonly ImageEntry[]): void {
  const table = Object.fromEntries(
    entries.map(({ path, caption, size }) => [path, { caption, resolution: size }]),
  );
  atomicWriteFile(imageInfoFile(dir), JSON.stringify(table, null, 2));
}

/** What a run is told of a folder whose sizes and captions come from the file. */
export function imageInfoNote(dir: string, used: number, images: number): string {
  const more = images > used
    ? `, which has no line for ${images - used} of ${counted(images, "image")}: they are left out`
    : "";
  return `${dir}: sizes and captions are those of ${imageInfoFile(dir)}${more}; remove it after changes`;
}

/** Throws UserError for an image that is not of the size its folder's file says: it would be distorted. */
export function refuseOtherSize({ path, size, subset }: ImageEntry, [width, height]: Size): void {
  if (!("cache_info" in subset) || !subset.cache_info || size === null) return;
  if (size[0] === width && size[1] === height) return;
  throw new UserError(
    `${path}: is ${width}x${height}, ${imageInfoFile(subset.image_dir)} says ${
      size.join("x")
    }; remove that file`,
  );
}
