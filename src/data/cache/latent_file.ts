/** Latent caches on the disk: .npz files with the names and arrays of sd-scripts 0.9.1. */

import { UserError } from "../../base/errors.ts";
import { toChannelsFirst, toChannelsLast } from "../../base/layout.ts";
import { refuseToReplace } from "../../base/files/regular_file.ts";
import {
  f32Array,
  i64Array,
  integers,
  listNpz,
  type NpzArray,
  readNpz,
  writeNpz,
} from "../../formats/npz.ts";
import { toF32 } from "../../formats/tensor_file.ts";
import type { LatentSides } from "../../models/mod.ts";
import type { Size } from "../batches/buckets.ts";
import type { CachedLatents } from "../dataset/entries.ts";

/** The arrays that are read; whatever else a file holds stays unread. */
const NAMES = ["latents", "latents_flipped", "alpha_mask", "original_size", "crop_ltrb"];
const FLOATS = ["F16", "F32", "F64"];
/** Above any picture, and exact in float32. */
const WIDEST_PICTURE = 2 ** 24;
/** Bytes of the widest number and of an array's header, with room. */
const WIDEST = 8, HEADER = 65536;

/** `cat.png` is cached in `cat.npz` beside it. */
export function latentFileOf(imagePath: string): string {
  return imagePath.replace(/\.[^./\\]*$/, "") + ".npz";
}

/** What a cache file must hold to be used. */
export interface Expected {
  readonly bucket: Size;
  readonly latent: LatentSides;
  readonly flipped: boolean;
  readonly alphaMask: boolean;
}

/** Why the file cannot be used with these options, as a line that names it; null when it can. */
export function latentFileMisfit(
  path: string,
  { bucket, latent, flipped, alphaMask }: Expected,
): string | null {
  let cached: CachedLatents;
  try {
    cached = readLatentFile(path, bucket, latent);
  } catch (error) {
    if (error instanceof OddLatents) return error.fault;
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return lackOf(path, { flipped, alphaMask }, cached.flipped !== null, cached.alphaMask !== null);
}

/** The same by the names of its arrays alone, for files that are trusted: nothing of their numbers is read. */
export function latentNamesMisfit(
  path: string,
  wanted: Pick<Expected, "flipped" | "alphaMask">,
): string | null {
  try {
    const names = listNpz(path);
    if (!names.includes("latents")) return `${path}: has no latents as sd-scripts 0.9 writes them`;
    return lackOf(path, wanted, names.includes("latents_flipped"), names.includes("alpha_mask"));
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function lackOf(
  path: string,
  { flipped, alphaMask }: Pick<Expected, "flipped" | "alphaMask">,
  hasFlipped: boolean,
  hasMask: boolean,
): string | null {
  if (flipped && !hasFlipped) return `${path}: holds no mirrored latents`;
  if (alphaMask === hasMask) return null;
  return `${path}: ${alphaMask ? "holds no alpha mask" : "was made with --alpha_mask"}`;
}

/** Throws UserError for what must not be replaced under the name of a cache file: a device, a folder, or somebody else's arrays. */
export function refuseForeignFile(path: string): void {
  refuseToReplace(path);
  let names: string[];
  try {
    names = listNpz(path);
  } catch (error) {
    if (error instanceof UserError) return; // a cache that was cut off
    throw error;
  }
  // later versions of the reference write latents_32x32
  if (names.length === 0 || names.some((name) => NAMES.includes(name) || name.startsWith("latents_"))) return;
  throw new UserError(
    `${path}: holds ${
      names.slice(0, 3).join(", ")
    } and no latents, and would be replaced; move it, or leave out ` +
      "--cache_latents_to_disk",
  );
}

/** Latents of a bucket's size. Reads no more than they take. Throws UserError naming the file and what is odd in it. */
export function readLatentFile(path: string, bucket: Size, { channels, factor }: LatentSides): CachedLatents {
  const [width, height] = bucket.map((side) => Math.floor(side / factor));
  const most = Math.max(channels * width * height, bucket[0] * bucket[1]) * WIDEST + HEADER;
  const arrays = readNpz(path, NAMES, most);
  const get = (name: string, shape: readonly number[]): NpzArray => {
    const found = arrays.get(name) ?? odd(path, `has no ${name} as sd-scripts 0.9 writes them`);
    if (found.shape.join() === shape.join()) return found;
    return odd(path, `has ${name} of [${found.shape.join(", ")}], [${shape.join(", ")}] are wanted`);
  };
  const optional = (name: string, shape: readonly number[]) => arrays.has(name) ? get(name, shape) : null;
  const planes = [channels, height, width];
  const latents = get("latents", planes), flipped = optional("latents_flipped", planes);
  const mask = optional("alpha_mask", [bucket[1], bucket[0]]);
  return {
    ...{ channels, height, width },
    latents: toChannelsLast(floats(latents, "latents", path), 1, channels),
    flipped: flipped && toChannelsLast(floats(flipped, "latents_flipped", path), 1, channels),
    alphaMask: mask && floats(mask, "alpha_mask", path),
    originalSize: sizes(get("original_size", [2]), path),
    cropBox: box(get("crop_ltrb", [4]), path),
  };
}

/** Writes the whole file or none. */
export function writeLatentFile(path: string, cached: CachedLatents, { factor }: LatentSides): void {
  const { channels, height, width } = cached, shape = [channels, height, width];
  const box = Float64Array.from(cached.cropBox);
  writeNpz(path, {
    latents: f32Array(toChannelsFirst(cached.latents, 1, channels), shape),
    original_size: i64Array(cached.originalSize),
    crop_ltrb: { dtype: "F64", shape: [box.length], data: new Uint8Array(box.buffer) },
    ...(cached.flipped && { latents_flipped: f32Array(toChannelsFirst(cached.flipped, 1, channels), shape) }),
    ...(cached.alphaMask && {
      alpha_mask: f32Array(cached.alphaMask, [height * factor, width * factor]),
    }),
  });
}

function sizes(array: NpzArray, path: string): number[] {
  const values = isInteger(array) ? integers(array) : odd(path, `has original_size as ${array.dtype}`);
  return values.every((side) => side > 0 && side <= WIDEST_PICTURE)
    ? values
    : odd(path, `has original_size ${values.join("x")}`);
}

function box(array: NpzArray, path: string): number[] {
  return isInteger(array) ? integers(array) : [...floats(array, "crop_ltrb", path)];
}

function isInteger({ dtype }: NpzArray): boolean {
  return dtype === "I64" || dtype === "I32";
}

/** Finite numbers. */
function floats({ dtype, data }: NpzArray, name: string, path: string): Float32Array {
  if (!FLOATS.includes(dtype)) odd(path, `has ${name} as ${dtype}`);
  const values = toF32(dtype, data);
  return values.every(Number.isFinite) ? values : odd(path, `has ${name} that are no numbers`);
}

/** A cache that is none; `fault` is its message without the remedy. */
class OddLatents extends UserError {
  constructor(readonly fault: string) {
    super(`${fault}; delete it so that it is made again`);
  }
}

function odd(path: string, what: string): never {
  throw new OddLatents(`${path}: ${what}`);
}
