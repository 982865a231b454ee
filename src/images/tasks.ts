/** Decoding and encoding pictures as tasks for other threads. */

import type { Task } from "../base/workers/task.ts";
import { type ClipPixels, prepareClip } from "./clip_pixels.ts";
import { loadImage, type LoadOptions, UnreadableImage } from "./load.ts";
import type { Pixels } from "./pixels.ts";
import { resizePillow } from "./resampling/pillow.ts";
import { pictureBytes, type Quality } from "./write.ts";

/** Of all tasks that open pictures. */
export const IMAGE_ERRORS: Task<unknown, unknown>["errors"] = {
  UnreadableImage: ({ path, message }) => UnreadableImage.told(path, message),
};

export const decodeTask: Task<{ path: string; options: LoadOptions }, Pixels> = {
  name: "decode",
  work: ({ path, options }) => loadImage(path, options),
  errors: IMAGE_ERRORS,
};

export const clipTask: Task<{ path: string; options: LoadOptions } & ClipPixels, Float32Array> = {
  name: "prepare for CLIP",
  work: async ({ path, options, ...sees }) => prepareClip(await loadImage(path, options), sees),
  errors: IMAGE_ERRORS,
};

export const enlargeTask: Task<{ image: Pixels; size: readonly [number, number] }, Pixels> = {
  name: "enlarge",
  work: ({ image, size }) => resizePillow(image, ...size, "lanczos"),
};

export const encodeTask: Task<{ path: string; picture: Pixels; quality: Quality }, Uint8Array> = {
  name: "encode",
  work: ({ path, picture, quality }) => pictureBytes(path, picture, quality),
};
