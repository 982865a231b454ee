/** One picture in several sizes, as bytes of files: what threads do for resize_images_to_resolution. */

import { UserError } from "../../../base/errors.ts";
import type { Task } from "../../../base/workers/task.ts";
import { loadImage } from "../../../images/load.ts";
import { crop, type Pixels } from "../../../images/pixels.ts";
import { resizeArea } from "../../../images/resampling/area.ts";
import { resizePillow } from "../../../images/resampling/pillow.ts";
import { IMAGE_ERRORS } from "../../../images/tasks.ts";
import { pictureBytes } from "../../../images/write.ts";
import type { MaxResolution } from "./resolutions.ts";

export interface SizesConfig {
  readonly maxResolutions: readonly MaxResolution[];
  readonly divisibleBy: number;
  readonly interpolation: "area" | "cubic" | "lanczos4";
  /** JPEG of quality 100 otherwise. */
  readonly saveAsPng: boolean;
  /** Each size from the one before. */
  readonly compat: string | null;
}

interface Sized {
  /** As it was asked for. */
  readonly size: string;
  readonly ending: ".png" | ".jpg";
  readonly bytes: Uint8Array;
}

const SHRINK = {
  area: resizeArea,
  cubic: (image: Pixels, width: number, height: number) => resizePillow(image, width, height, "bicubic"),
  lanczos4: (image: Pixels, width: number, height: number) => resizePillow(image, width, height, "lanczos"),
} as const;

export const sizesTask: Task<{ path: string; config: SizesConfig }, Sized[]> = {
  name: "sizes",
  async work({ path, config }) {
    const { maxResolutions, saveAsPng, compat } = config, ending = saveAsPng ? ".png" : ".jpg";
    const original = await loadImage(path, { compat: compat !== null }), made: Sized[] = [];
    let image = original;
    for (const { name: size, pixels } of maxResolutions) {
      image = fitted(compat === null ? original : image, pixels, config, path);
      made.push({ size, ending, bytes: await pictureBytes(`picture${ending}`, image, { jpeg: 100 }) });
    }
    return made;
  },
  errors: IMAGE_ERRORS,
};

function fitted(image: Pixels, pixels: number, config: SizesConfig, path: string): Pixels {
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
