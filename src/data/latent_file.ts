/** Latent caches on the disk: .npz files with the names and arrays of sd-scripts 0.9.1. */

import { f16ToF32 } from "../base/dtype.ts";
import { UserError } from "../base/errors.ts";
import { f32Array, i64Array, integers, type NpzArray, readNpz, writeNpz } from "../formats/npz.ts";
import type { Size } from "./buckets.ts";
import type { CachedLatents } from "./entries.ts";

const PIXELS_PER_LATENT = 8;

/** `cat.png` is cached in `cat.npz` beside it. */
export function latentFileOf(imagePath: string): string {
  return imagePath.replace(/\.[^./\\]*$/, "") + ".npz";
}

/** What a cache file must hold to be used. */
export interface Expected {
  readonly bucket: Size;
  readonly flipped: boolean;
  readonly alphaMask: boolean;
}

/** Whether the file was made for this bucket with these options; a file that cannot be read was not. */
export function latentFileFits(path: string, { bucket, flipped, alphaMask }: Expected): boolean {
  let arrays: Map<string, NpzArray>;
  try {
    arrays = readNpz(path);
  } catch (error) {
    if (error instanceof UserError || error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  const [width, height] = bucket.map((side) => Math.floor(side / PIXELS_PER_LATENT));
  const hasSize = (name: string) => {
    const shape = arrays.get(name)?.shape;
    return shape?.length === 3 && shape[1] === height && shape[2] === width;
  };
  if (!hasSize("latents") || !arrays.has("original_size") || !arrays.has("crop_ltrb")) return false;
  if (flipped && !hasSize("latents_flipped")) return false;
  const mask = arrays.get("alpha_mask");
  if (!alphaMask) return mask === undefined;
  return mask?.shape.length === 2 && mask.shape[1] === bucket[0] && mask.shape[0] === bucket[1];
}

/** Throws UserError naming the file. */
export function readLatentFile(path: string): CachedLatents {
  const arrays = readNpz(path), found = arrays.get("latents");
  const size = arrays.get("original_size"), box = arrays.get("crop_ltrb");
  if (!found || found.shape.length !== 3 || !size || !box) {
    throw new UserError(
      `${path}: holds no latents as sd-scripts 0.9 writes them; delete it so that it is made again`,
    );
  }
  const [channels, height, width] = found.shape;
  const flipped = arrays.get("latents_flipped"), mask = arrays.get("alpha_mask");
  return {
    ...{ channels, height, width },
    latents: channelsLast(floats(found, path), channels),
    flipped: flipped ? channelsLast(floats(flipped, path), channels) : null,
    alphaMask: mask ? floats(mask, path) : null,
    originalSize: integers(size),
    cropBox: box.dtype.startsWith("I") ? integers(box) : [...floats(box, path)],
  };
}

/** Writes the whole file or none. */
export function writeLatentFile(path: string, cached: CachedLatents): void {
  const { channels, height, width } = cached, shape = [channels, height, width];
  const box = Float64Array.from(cached.cropBox);
  writeNpz(path, {
    latents: f32Array(channelsFirst(cached.latents, channels), shape),
    original_size: i64Array(cached.originalSize),
    crop_ltrb: { dtype: "F64", shape: [box.length], data: new Uint8Array(box.buffer) },
    ...(cached.flipped && { latents_flipped: f32Array(channelsFirst(cached.flipped, channels), shape) }),
    ...(cached.alphaMask && {
      alpha_mask: f32Array(cached.alphaMask, [height * PIXELS_PER_LATENT, width * PIXELS_PER_LATENT]),
    }),
  });
}

function floats({ dtype, data }: NpzArray, path: string): Float32Array {
  if (dtype === "F32") return new Float32Array(data.buffer, data.byteOffset, data.length / 4);
  if (dtype === "F64") {
    return Float32Array.from(new Float64Array(data.buffer, data.byteOffset, data.length / 8));
  }
  if (dtype === "F16") return f16ToF32(new Uint16Array(data.buffer, data.byteOffset, data.length / 2));
  throw new UserError(`${path}: holds ${dtype} where floats are wanted; delete it so that it is made again`);
}

/** (C, H, W) to (H, W, C). */
function channelsLast(data: Float32Array, channels: number): Float32Array {
  const plane = data.length / channels, out = new Float32Array(data.length);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) out[i * channels + c] = data[c * plane + i];
  }
  return out;
}

/** (H, W, C) to (C, H, W). */
function channelsFirst(data: Float32Array, channels: number): Float32Array {
  const plane = data.length / channels, out = new Float32Array(data.length);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) out[c * plane + i] = data[i * channels + c];
  }
  return out;
}
