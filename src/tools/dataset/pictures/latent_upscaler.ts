/** latent_upscaler: pictures at twice their size, made sharp as latents between the autoencoder's two halves. */

import { basename, extname, join } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { atomicWriteFile } from "../../../base/files/atomic.ts";
import { isTaken } from "../../../base/files/exists.ts";
import { isSameFile } from "../../../base/files/links.ts";
import { removeLeftovers } from "../../../base/files/leftovers.ts";
import type { JobContext } from "../../../base/job.ts";
import { counted } from "../../../base/phrases.ts";
import { Pool, threadsFor } from "../../../base/workers/pool.ts";
import { probeSize, UnreadableImage } from "../../../images/load.ts";
import { crop, type Pixels } from "../../../images/pixels.ts";
import { decodeTask, encodeTask, enlargeTask } from "../../../images/tasks.ts";
import { eachMade, eachPicture } from "../pace.ts";
import { refuseSharedPlaces } from "../pictures.ts";
import { globPaths } from "./glob.ts";
import { openModels, type UpscalerModelsConfig } from "./upscaler_models.ts";

export interface LatentUpscalerConfig extends UpscalerModelsConfig {
  readonly imagePattern: string;
  readonly outputDir: string;
  /** Pictures refined at once. */
  readonly batchSize: number;
  /** Write the pictures that are only enlarged, too. */
  readonly debug: boolean;
  /** All pictures get the size of the last one. */
  readonly compat: string | null;
}

const FACTOR = 2;

/** Enlarged pictures that wait take memory. */
const BATCHES_AHEAD = 2;

/**
 * Of all pictures only the sizes are read at first, each is opened when its turn comes. Throws UserError for a file that
 * is no upscaler, for a pattern that fits nothing, and when the disk refuses.
 */
export async function upscaleLatents(config: LatentUpscalerConfig, context: JobContext): Promise<void> {
  const { imagePattern, outputDir, debug, batchSize } = config;
  const paths = globPaths(imagePattern);
  if (paths.length === 0) throw new UserError(`--image_pattern ${imagePattern}: fits no file`);
  const pictures = await readSizes(paths, config, context);
  Deno.mkdirSync(outputDir, { recursive: true });
  removeLeftovers(outputDir, (name) => /_(upscaled|lanczos4)\./.test(name), context.log);
  const named = pictures.map((picture) => ({
    ...picture,
    upscaled: outputFor(picture.path, "_upscaled", config, paths),
    plain: outputFor(picture.path, "_lanczos4", config, paths),
  }));
  if (config.compat === null) {
    const places = new Map(named.map(({ path, upscaled }) => [path, upscaled]));
    refuseSharedPlaces([...places.keys()], (path) => places.get(path)!);
  }
  const batches = batchesOf(named, batchSize);
  using pool = new Pool(threadsFor(config.threads, paths.length));
  const enlarge = (image: Pixels, size: readonly [number, number]) => pool.run(enlargeTask, { image, size });
  const make = (batch: typeof named) =>
    Promise.all(batch.map(async (picture) => {
      const image = await opened(picture, pool, config, context);
      return image && { picture, image, large: await enlarge(image, picture.size) };
    }));
  const models = openModels(config, context);
  let written = 0;
  try {
    await eachMade("upscaling", batches, context, pool, make, async (_, made) => {
      const batch = (await made).filter((one) => one !== null);
      if (batch.length === 0) return;
      const sharp = await models.upscale(batch.map(({ large }) => large));
      const files = await Promise.all(batch.flatMap(({ picture: { upscaled, plain }, image }, i) => {
        const write = async (path: string, picture: Pixels | Promise<Pixels>, jpeg: number) => ({
          path,
          bytes: await pool.run(encodeTask, { path, picture: await picture, quality: { jpeg } }),
        });
        const enlarged = () => enlarge(image, [FACTOR * image.width, FACTOR * image.height]);
        return [...debug ? [write(plain, enlarged(), 75)] : [], write(upscaled, sharp[i], 95)];
      }));
      for (const { path, bytes } of files) atomicWriteFile(path, bytes);
      written += batch.length;
    }, BATCHES_AHEAD);
  } finally {
    models.close();
  }
  context.log(`${outputDir}: ${counted(written, "picture")} at twice the size`);
}

interface Picture {
  readonly path: string;
  /** What is taken of it: multiples of 8, cut at right and below. */
  readonly cut: { readonly width: number; readonly height: number };
  /** Of the result. */
  readonly size: readonly [number, number];
}

/** Pictures that become equally large, at most so many at once. */
function batchesOf<P extends Picture>(pictures: readonly P[], most: number): P[][] {
  return Map.groupBy(pictures, ({ size }) => size.join("x")).values().toArray().flatMap((alike) =>
    Array.from({ length: Math.ceil(alike.length / most) }, (_, i) => alike.slice(i * most, (i + 1) * most))
  );
}

/** What cannot be read is told and left out. */
async function readSizes(
  paths: readonly string[],
  config: LatentUpscalerConfig,
  context: JobContext,
): Promise<Picture[]> {
  const pictures: Picture[] = [];
  await eachPicture("reading sizes", paths, context, (path) => {
    let whole: { width: number; height: number };
    try {
      whole = probeSize(path, config.compat !== null);
    } catch (error) {
      return leaveOut(error, config, context);
    }
    const width = whole.width - whole.width % 8, height = whole.height - whole.height % 8;
    if (width === 0 || height === 0) {
      throw new UserError(`${path}: is ${whole.width}x${whole.height}, 8x8 is the least`);
    }
    pictures.push({ path, cut: { width, height }, size: [FACTOR * width, FACTOR * height] });
  });
  const last = pictures.at(-1);
  return config.compat !== null && last
    ? pictures.map((picture) => ({ ...picture, size: last.size }))
    : pictures;
}

/** Null where it cannot be read. */
async function opened(
  { path, cut: { width, height } }: Picture,
  pool: Pool,
  config: LatentUpscalerConfig,
  context: JobContext,
): Promise<Pixels | null> {
  try {
    const image = await pool.run(decodeTask, { path, options: { compat: config.compat !== null } });
    return crop(image, 0, 0, width, height);
  } catch (error) {
    leaveOut(error, config, context);
    return null;
  }
}

/** Tells of a picture that cannot be read. Throws what is something else, and all with --compat. */
function leaveOut(error: unknown, { compat }: LatentUpscalerConfig, { warn }: JobContext): void {
  if (!(error instanceof UnreadableImage) || compat !== null) throw error;
  warn(`${error.message}; it is left out`);
}

/** Throws UserError where a picture that is read would be replaced. */
function outputFor(
  path: string,
  what: string,
  { outputDir }: LatentUpscalerConfig,
  inputs: readonly string[],
): string {
  const ending = extname(path), target = join(outputDir, `${basename(path, ending)}${what}${ending}`);
  const original = isTaken(target) ? inputs.find((input) => isSameFile(input, target)) : undefined;
  if (original === undefined) return target;
  throw new UserError(
    `${target}: would replace ${original}; give another --output_dir, or a pattern without it`,
  );
}
