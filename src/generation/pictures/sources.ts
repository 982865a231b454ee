/** The pictures that a run starts from: --image_path and --mask_path. */

import { UsageError } from "../../base/errors.ts";
import type { Pixels } from "../../images/pixels.ts";
import type { GenImgConfig } from "../groups.ts";
import { highresOf, scaledSide } from "../techniques/highres.ts";
import { initialImages } from "./initial_images.ts";

export interface Sources {
  /** Image to image. */
  readonly images: readonly Pixels[] | null;
  /** Inpainting. */
  readonly masks: readonly Pixels[] | null;
}

/** Throws UserError for what cannot be read, and for a mask of no picture. */
export async function readSources(
  config: Pick<
    GenImgConfig,
    | "imagePath"
    | "maskPath"
    | "W"
    | "H"
    | "compat"
    | "highresFixScale"
    | "highresFixSteps"
    | "highresFixStrength"
    | "highresFixLatentsUpscaling"
    | "highresFixSave1st"
  >,
  warn: (text: string) => void,
): Promise<Sources> {
  const { imagePath, maskPath } = config, highres = highresOf(config);
  if (maskPath !== null && imagePath === null) {
    throw new UsageError(
      "--mask_path says what of a picture is drawn anew; give the picture as --image_path",
    );
  }
  // the first pass begins with them
  const side = (pixels: number | null) => pixels !== null && highres ? scaledSide(pixels, highres) : pixels;
  const size = { W: side(config.W), H: side(config.H), compat: config.compat };
  const read = (path: string | null) => path === null ? null : initialImages(path, size, warn);
  return { images: await read(imagePath), masks: await read(maskPath) };
}
