/** The pictures that a run starts from: --image_path and --mask_path. */

import { parse } from "node:path";
import { UsageError, UserError } from "../../base/errors.ts";
import { loadImage } from "../../images/load.ts";
import type { Pixels } from "../../images/pixels.ts";
import type { GenImgConfig } from "../groups.ts";
import { controlCount } from "../techniques/control/flags.ts";
import { firstSize, highresOf, scaledSide } from "../techniques/highres.ts";
import { imageFiles, type InitialImage, initialImages } from "./initial_images.ts";

export interface Sources {
  /** Image to image. */
  readonly images: readonly Pixels[] | null;
  /** Their files, and what these are called, without ending. */
  readonly paths: readonly string[] | null;
  readonly names: readonly string[] | null;
  /** Inpainting. */
  readonly masks: readonly Pixels[] | null;
  /** Where networks act: the first mask, where networks are drawn with that are not merged. */
  readonly regions: Pixels | null;
  /** ControlNet and LLLite: what to follow. */
  readonly guides: readonly Guide[] | null;
}

export interface Guide {
  readonly path: string;
  readonly image: Pixels;
}

/** Throws UserError for what cannot be read, and for a mask of no picture. */
export async function readSources(
  config: Pick<
    GenImgConfig,
    | "imagePath"
    | "maskPath"
    | "guideImagePath"
    | "controlNetModels"
    | "controlNetLlliteModels"
    | "W"
    | "H"
    | "compat"
    | "networkWeights"
    | "networkMerge"
    | "networkMergeNModels"
    | "highresFixScale"
    | "highresFixSteps"
    | "highresFixStrength"
    | "highresFixLatentsUpscaling"
    | "highresFixSave1st"
    | "highresFixDisableControlNet"
  >,
  warn: (text: string) => void,
): Promise<Sources> {
  const { imagePath, maskPath } = config, highres = highresOf(config);
  const regional = maskPath !== null && liveNetworks(config) > 0;
  if (maskPath !== null && imagePath === null && !regional) {
    throw new UsageError(
      "--mask_path says what of a picture is drawn anew; give the picture as --image_path, or " +
        "networks (--network_weights) for its regions",
    );
  }
  const { W, H } = config;
  if (imagePath !== null && W !== null && H !== null && highres) firstSize({ width: W, height: H }, highres);
  // the first pass begins with them
  const side = (pixels: number | null) => pixels !== null && highres ? scaledSide(pixels, highres) : pixels;
  const size = { W: side(W), H: side(H), compat: config.compat };
  const read = (path: string | null, flag: string) =>
    path === null ? null : initialImages(path, size, warn, flag);
  const found = await read(imagePath, "--image_path"), foundMasks = await read(maskPath, "--mask_path");
  const foundGuides = await readGuides(config, warn);
  // what cannot be read takes with it what belongs to it
  type List = readonly (InitialImage | null)[] | null;
  const lists: readonly List[] = [found, foundMasks, foundGuides];
  const together = lists.filter((list) => list && list.length === found?.length);
  const usable = (list: List) =>
    list &&
    list.filter((one, i): one is InitialImage =>
      one !== null && (!together.includes(list) || together.every((other) => other![i] !== null))
    );
  const images = usable(found), masks = usable(foundMasks), guides = usable(foundGuides);
  if (images?.length === 0) {
    throw new UserError(`${imagePath}: none of its pictures can be read together with its mask and guide`);
  }
  if (images && masks && !regional) tellOtherSizes(images, masks, warn);
  return {
    images: images && images.map(({ image }) => image),
    paths: images && images.map(({ path }) => path),
    names: images && images.map(({ path }) => parse(path).name),
    masks: regional || !masks ? null : masks.map(({ image }) => image),
    regions: regional ? masks![0].image : null,
    guides,
  };
}

/** Each picture and mask so many times, one after the other. */
export function repeated(sources: Sources, count: number): Sources {
  const times = <T>(list: readonly T[] | null) => list && list.flatMap((one) => Array<T>(count).fill(one));
  const { images, paths, names, masks } = sources;
  return {
    ...sources,
    images: times(images),
    paths: times(paths),
    names: times(names),
    masks: times(masks),
  };
}

/** Masks are scaled with the latents, whatever their size. */
function tellOtherSizes(
  images: readonly InitialImage[],
  masks: readonly InitialImage[],
  warn: (text: string) => void,
): void {
  for (const [i, { path, image }] of masks.entries()) {
    const { width, height } = images[i % images.length].image;
    if (image.width === width && image.height === height) continue;
    warn(`${path}: is scaled from ${image.width}x${image.height} to ${width}x${height}, the picture's size`);
  }
}

/** What of a folder cannot be read is told and null; for several networks it is an error, since the rest belongs to others. */
async function readGuides(
  { guideImagePath: paths, compat, ...networks }: Pick<
    GenImgConfig,
    "guideImagePath" | "compat" | "controlNetModels" | "controlNetLlliteModels"
  >,
  warn: (text: string) => void,
): Promise<(Guide | null)[] | null> {
  if (!paths?.length) return null;
  const files = paths.flatMap((path) => imageFiles(path, warn, "--guide_image_path"));
  const strict = files.length === paths.length || controlCount(networks) > 1, guides: (Guide | null)[] = [];
  for (const path of files) {
    try {
      guides.push({ path, image: await loadImage(path, { compat: compat !== null }) });
    } catch (error) {
      if (strict || !(error instanceof UserError)) throw error;
      warn(`${error.message}; it is left out`);
      guides.push(null);
    }
  }
  if (guides.some((guide) => guide !== null)) return guides;
  throw new UserError(`${paths[0]}: none of its ${files.length} pictures can be read; the warnings say why`);
}

/** How many networks of the command line are not merged into the model. */
export function liveNetworks(
  { networkWeights, networkMerge, networkMergeNModels }: Pick<
    GenImgConfig,
    "networkWeights" | "networkMerge" | "networkMergeNModels"
  >,
): number {
  return networkMerge ? 0 : Math.max(0, (networkWeights?.length ?? 0) - (networkMergeNModels ?? 0));
}
