/** latent_upscaler: pictures at twice their size, made sharp as latents between the autoencoder's two halves. */

import { basename, extname, join } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { atomicWriteFile } from "../../../base/files/atomic.ts";
import { isSameFile } from "../../../base/files/links.ts";
import { joined } from "../../../base/joined.ts";
import { removeLeftovers } from "../../../base/files/leftovers.ts";
import type { JobContext } from "../../../base/job.ts";
import { counted } from "../../../base/phrases.ts";
import { Pool, threadsFor } from "../../../base/workers/pool.ts";
import { openCheckpoint } from "../../../formats/mod.ts";
import { Programs } from "../../../graph/mod.ts";
import { UnreadableImage } from "../../../images/load.ts";
import { crop, type Pixels } from "../../../images/pixels.ts";
import { decodeTask, encodeTask, enlargeTask } from "../../../images/tasks.ts";
import { decode, loadMissing, openVae, VAE, Weights } from "../../../models/mod.ts";
import { loadUpscaler } from "../../../models/upscaler/load.ts";
import { upscaler } from "../../../models/upscaler/upscaler.ts";
import { TorchGenerator } from "../../../random/mod.ts";
import { openChosenDevice, ParameterStore } from "../../../runtime/mod.ts";
import type { DeviceConfig } from "../../../runtime/options.ts";
import { LatentEncoder } from "../../../training/objective/latents.ts";
import { eachMade } from "../pace.ts";
import { globPaths } from "./glob.ts";

export interface LatentUpscalerConfig extends DeviceConfig {
  readonly vaePath: string;
  readonly weights: string;
  readonly imagePattern: string;
  readonly outputDir: string;
  /** Pictures refined at once, and pictures that the autoencoder takes at once. */
  readonly batchSize: number;
  readonly vaeBatchSize: number;
  /** Of the noise that samples the latents; null draws one. */
  readonly seed: number | null;
  /** Write the pictures that are only enlarged, too. */
  readonly debug: boolean;
  /** All pictures get the size of the last one. */
  readonly compat: string | null;
}

const FACTOR = 2;

/** Enlarged pictures that wait take memory. */
const BATCHES_AHEAD = 2;

/** Throws UserError for a file that is no upscaler, for a pattern that fits nothing, and when the disk refuses. */
export async function upscaleLatents(config: LatentUpscalerConfig, context: JobContext): Promise<void> {
  const { imagePattern, outputDir, debug, batchSize } = config;
  const paths = globPaths(imagePattern);
  if (paths.length === 0) throw new UserError(`--image_pattern ${imagePattern}: fits no file`);
  using pool = new Pool(threadsFor(config.threads, paths.length));
  const pictures = await readPictures(paths, config, context, pool);
  Deno.mkdirSync(outputDir, { recursive: true });
  removeLeftovers(outputDir, (name) => /_(upscaled|lanczos4)\./.test(name), context.log);
  const names = pictures.map(({ path }) => ({
    upscaled: outputFor(path, "_upscaled", config, paths),
    enlarged: outputFor(path, "_lanczos4", config, paths),
  }));
  const models = openModels(config, context);
  try {
    const numbered = pictures.map((picture, number) => ({ ...picture, number }));
    const batches = Map.groupBy(numbered, ({ size }) => size.join("x")).values().toArray()
      .flatMap((alike) =>
        Array.from(
          { length: Math.ceil(alike.length / batchSize) },
          (_, i) => alike.slice(i * batchSize, (i + 1) * batchSize),
        )
      );
    const enlarge = (image: Pixels, ...size: [number, number]) => pool.run(enlargeTask, { image, size });
    const make = (batch: typeof numbered) =>
      Promise.all(batch.map(({ image, size: [width, height] }) => enlarge(image, width, height)));
    await eachMade("upscaling", batches, context, pool, make, async (batch, large) => {
      const made = await models.upscale(await large);
      const files = await Promise.all(batch.flatMap(({ number, image }, i) => {
        const { upscaled, enlarged } = names[number];
        const write = async (path: string, picture: Pixels | Promise<Pixels>, jpeg: number) => ({
          path,
          bytes: await pool.run(encodeTask, { path, picture: await picture, quality: { jpeg } }),
        });
        const plain = () => enlarge(image, FACTOR * image.width, FACTOR * image.height);
        return [...debug ? [write(enlarged, plain(), 75)] : [], write(upscaled, made[i], 95)];
      }));
      for (const { path, bytes } of files) atomicWriteFile(path, bytes);
    }, BATCHES_AHEAD);
  } finally {
    models.close();
  }
  context.log(`${outputDir}: ${counted(pictures.length, "picture")} at twice the size`);
}

interface Picture {
  readonly path: string;
  readonly image: Pixels;
  /** Of the result. */
  readonly size: readonly [number, number];
}

/** Cut to multiples of 8 at right and below. */
async function readPictures(
  paths: readonly string[],
  { compat }: LatentUpscalerConfig,
  context: JobContext,
  pool: Pool,
): Promise<Picture[]> {
  const pictures: Picture[] = [];
  const make = (path: string) => pool.run(decodeTask, { path, options: { compat: compat !== null } });
  await eachMade("reading", paths, context, pool, make, async (path, made) => {
    try {
      const image = await made;
      const width = image.width - image.width % 8, height = image.height - image.height % 8;
      if (width === 0 || height === 0) {
        throw new UserError(`${path}: is ${image.width}x${image.height}, 8x8 is the least`);
      }
      pictures.push({
        path,
        image: crop(image, 0, 0, width, height),
        size: [FACTOR * width, FACTOR * height],
      });
    } catch (error) {
      if (!(error instanceof UnreadableImage) || compat !== null) throw error;
      context.warn(`${error.message}; it is left out`);
    }
  });
  const last = pictures.at(-1);
  return compat !== null && last ? pictures.map((picture) => ({ ...picture, size: last.size })) : pictures;
}

/** Throws UserError where a picture that is read would be replaced. */
function outputFor(
  path: string,
  what: string,
  { outputDir }: LatentUpscalerConfig,
  inputs: readonly string[],
): string {
  const ending = extname(path), target = join(outputDir, `${basename(path, ending)}${what}${ending}`);
  const original = inputs.find((input) => isSameFile(input, target));
  if (original === undefined) return target;
  throw new UserError(
    `${target}: would replace ${original}; give another --output_dir, or a pattern without it`,
  );
}

export interface UpscalerModels {
  /** Enlarged pictures of one size -> the same, sharp. */
  upscale(enlarged: readonly Pixels[]): Promise<Pixels[]>;
  /** Enlarged pictures -> sampled latents and refined ones, (N, h, w, 4), not scaled. */
  refine(enlarged: readonly Pixels[]): Promise<{ sampled: Float32Array; refined: Float32Array }>;
  close(): void;
}

export function openModels(config: LatentUpscalerConfig, { log }: Pick<JobContext, "log">): UpscalerModels {
  const vae = openVae(config.vaePath), { threads, vramBudget, noVendorLibs, vaeBatchSize } = config;
  const options = { threads, limitBytes: vramBudget ?? undefined, noVendorLibs };
  const device = openChosenDevice(config.device, options, log), store = new ParameterStore(device);
  using file = openCheckpoint(config.weights);
  const shapes = loadUpscaler(file, store),
    load = (graph: Parameters<typeof loadMissing>[0]) => loadMissing(graph, store, vae);
  const encoder = new LatentEncoder({ shapes: vae.shapes, store, source: vae.path, vaeDtype: "f32", load });
  const programs = new Programs<string>(store, { load, kept: 6 });
  const torch = new TorchGenerator(config.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const { channels, factor } = encoder.latent;
  const latents = (
    n: number,
    height: number,
    width: number,
  ) => [n, height / factor, width / factor, channels];
  const refine = async (enlarged: readonly Pixels[]) => {
    const { width, height } = enlarged[0],
      count = enlarged.length,
      latent = latents(count, height, width);
    const sampled = await inParts(count, vaeBatchSize, (from, to) => {
      const pixels = Float32Array.from(
        joined(Uint8Array, enlarged.slice(from, to).map(({ data }) => data)),
        (x) => x / 127.5 - 1,
      );
      return encoder.encode(pixels, to - from, height, width, torch).then(({ latents }) => latents);
    });
    const { refined } = await programs.run(`upscaler ${latent}`, (graph) => {
      graph.output(
        "refined",
        upscaler(graph.input("latents", latent), Weights.over(graph, shapes, { source: file.path })),
      );
    }, { latents: sampled });
    return { sampled, refined };
  };
  return {
    refine,
    async upscale(enlarged) {
      const { width, height } = enlarged[0],
        { refined } = await refine(enlarged),
        one = refined.length / enlarged.length;
      const pictures = await inParts(enlarged.length, vaeBatchSize, async (from, to) => {
        const { picture } = await programs.run(`decode ${to - from} ${height} ${width}`, (graph) => {
          const x = graph.input("latents", latents(to - from, height, width));
          graph.output(
            "picture",
            decode(x, Weights.over(graph, vae.shapes, { source: vae.path }).at(VAE)),
          );
        }, { latents: refined.subarray(from * one, to * one) });
        return picture;
      });
      const bytes = Uint8Array.from(pictures, (x) => Math.max(0, Math.min(255, (x + 1) * 127.5)));
      const size = width * height * 3;
      return enlarged.map((_, i) => ({
        width,
        height,
        channels: 3,
        data: bytes.subarray(i * size, (i + 1) * size),
      }));
    },
    close() {
      programs.destroy();
      encoder.destroy();
      store.destroy();
      device.close();
      vae.close();
    },
  };
}

/** One part after the other, joined. */
async function inParts(
  count: number,
  size: number,
  work: (from: number, to: number) => Promise<Float32Array>,
): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (let from = 0; from < count; from += size) parts.push(await work(from, Math.min(count, from + size)));
  return joined(Float32Array, parts);
}
