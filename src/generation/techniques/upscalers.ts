/** What enlarges the first pass's pictures for the second: ESRGAN and its relatives, or the latent upscaler of sd-scripts. */

import { parse } from "node:path";
import { UserError } from "../../base/errors.ts";
import { joined } from "../../base/joined.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import type { Pixels } from "../../images/pixels.ts";
import { resizePillow } from "../../images/resampling/pillow.ts";
import { type LatentShape, latentShape, Weights } from "../../models/mod.ts";
import { loadPictureUpscaler, type PictureUpscaler } from "../../models/esrgan/load.ts";
import { loadUpscaler } from "../../models/upscaler/load.ts";
import { upscaler, upscalerShape } from "../../models/upscaler/upscaler.ts";
import { TorchGenerator } from "../../random/mod.ts";
import { noise } from "../pipeline/noise.ts";
import type { Batch } from "../pipeline/draw.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { cut, tiled, type Tiling } from "../pipeline/parts/tiles.ts";
import { fromBytes, toBytes } from "../pictures/pixels.ts";

interface Size {
  readonly width: number;
  readonly height: number;
}

/** What a batch begins with: pictures of the size, or latents (N, h, w, C) of that size as the U-Net knows them. */
export type Enlarged = Pick<Batch, "images"> | Pick<Batch, "latents" | "shown">;

/** For what is drawn on the way. */
interface Chance {
  readonly seed: number;
  /** What the first pass left. */
  readonly left: TorchGenerator;
}

export interface Upscaler {
  /** Its file's, without ending. */
  readonly name: string;
  enlarge(pictures: readonly Pixels[], size: Size, chance: Chance): Promise<Enlarged>;
}

/** Pixels of a tile's sides and of what neighbours share: 400 MB of the largest layers at four times the size. */
const TILES: Tiling = { height: 192, width: 192, overlap: 32 };

/** Larger pictures than wanted are made smaller again; where one run is too little, there are more. */
const MOST_RUNS = 3;

/** Reads a file into the pipeline's store; `compat` is for the latent one. Throws UserError for what is no upscaler. */
export function openUpscaler(path: string, pipeline: Pipeline, compat: boolean): Upscaler {
  using file = openCheckpoint(path);
  return file.has("resblock1.conv1.weight")
    ? latentUpscaler(file, pipeline, compat)
    : pictureUpscaler(loadPictureUpscaler(file, pipeline.model.store), parse(path).name, pipeline);
}

function pictureUpscaler(network: PictureUpscaler, name: string, pipeline: Pipeline): Upscaler {
  const once = async (picture: Pixels): Promise<Pixels> => {
    const whole = { batch: 1, channels: 3, height: picture.height, width: picture.width };
    const { scale } = network, values = Float32Array.from(picture.data, (byte) => byte / 255);
    const larger = await tiled(whole, TILES, { scale, channels: 3 }, async ({ y, x: left, shape: tile }) => {
      const place = { y, x: left, rows: tile.height, columns: tile.width };
      const { rgb } = await pipeline.programs.run(`enlarge ${tile.height} ${tile.width}`, (graph) => {
        const x = graph.input("rgb", [1, tile.height, tile.width, 3]);
        graph.output("rgb", network.record(x));
      }, { rgb: cut(values, [1, picture.height, picture.width, 3], place) });
      return rgb;
    });
    return {
      ...{ width: scale * picture.width, height: scale * picture.height, channels: 3 },
      data: toBytes(larger.map((x) => 2 * x - 1)),
    };
  };
  return {
    name,
    async enlarge(pictures, { width, height }) {
      const images: Pixels[] = [];
      for (const picture of pictures) {
        let larger = await once(picture);
        for (let runs = 1; runs < MOST_RUNS && network.scale > 1; runs++) {
          if (larger.width >= width && larger.height >= height) break;
          larger = await once(larger);
        }
        images.push(resizePillow(larger, width, height, "lanczos"));
      }
      return { images };
    },
  };
}

/** What sd-scripts multiplies the upscaler's latents by, whatever the model. */
const REFERENCE_SCALE = 0.18215;

/**
 * Enlarged by Lanczos, encoded, made sharp, a picture at a time. As sd-scripts with `compat`: its batch norms are left as
 * in training, so that a batch's pictures change each other, SDXL's latents get the scale of SD1's, and the encoder draws
 * on from the last picture.
 */
function latentUpscaler(file: TensorFile, pipeline: Pipeline, compat: boolean): Upscaler {
  const { model, programs, latentScale } = pipeline, { latent } = model.family;
  const channels = upscalerShape("conv1")[1], { path } = file;
  if (latent.channels !== channels) {
    throw new UserError(
      `${path}: is for latents of ${channels} channels, ${model.family.label}'s have ${latent.channels}; use an ESRGAN file`,
    );
  }
  const shapes = loadUpscaler(file, model.store, { ownStatistics: compat });
  const scale = compat ? REFERENCE_SCALE : latentScale;
  const sharpened = async (latents: Float32Array, { batch, height, width }: LatentShape) => {
    const { sharp } = await programs.run(`sharpen ${batch} ${height} ${width}`, (graph) => {
      const x = graph.input("latents", [batch, height, width, channels]);
      graph.output("sharp", upscaler(x, Weights.over(graph, shapes, { source: path })));
    }, { latents: latents.map((x) => x / latentScale) });
    return sharp.map((x) => x * scale);
  };
  return {
    name: parse(path).name,
    async enlarge(pictures, size, { seed, left }) {
      const generator = compat ? left : new TorchGenerator(seed), one = latentShape(latent, 1, size);
      const latents: Float32Array[] = [];
      for (const picture of pictures) {
        const large = fromBytes(resizePillow(picture, size.width, size.height, "lanczos"));
        const encoded = await pipeline.encode(large, noise(generator, one), one);
        latents.push(compat ? encoded : await sharpened(encoded, one));
      }
      const all = joined(Float32Array, latents);
      return { latents: compat ? await sharpened(all, { ...one, batch: pictures.length }) : all };
    },
  };
}
