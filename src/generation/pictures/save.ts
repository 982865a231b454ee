/** Drawn pictures as files, with what they were drawn by in them. */

import { join } from "node:path";
import { writePicture } from "../../images/write.ts";
import type { GenImgConfig } from "../groups.ts";
import type { Batch, Drawn } from "../pipeline/draw.ts";
import type { UsedNetwork } from "../pipeline/networks.ts";
import type { FileNames } from "./file_names.ts";
import { type FirstPass, pictureTexts } from "./picture_text.ts";
import { toBytes } from "./pixels.ts";
import { modelName, type ResourceHashes } from "./resource_hashes.ts";

/** Writes a batch's pictures and gives their paths. */
export async function savePictures(
  config: GenImgConfig,
  batch: Batch,
  { images, width, height }: Drawn,
  { names, mark, firstPass, sized, networks, hashes, warn }: {
    names: FileNames;
    mark: string;
    firstPass?: FirstPass;
    sized: boolean;
    networks: readonly UsedNetwork[];
    hashes: ResourceHashes;
    warn: (text: string) => void;
  },
): Promise<string[]> {
  const time = new Date(), paths: string[] = [];
  const { sequentialFileName: sequential, imageFormat: format, imageQuality: quality } = config;
  for (const [place, request] of batch.requests.entries()) {
    const texts = pictureTexts({
      request,
      width,
      height,
      sampler: config.sampler,
      sigmas: config.sigmas,
      modelName: modelName(config.ckpt),
      hashes,
      clipSkip: config.clipSkip ?? 1,
      sized,
      networks,
      strength: batch.images || firstPass ? request.settings.strength : null,
      firstPass,
    });
    const values = images[place];
    if (!values.every(Number.isFinite)) {
      warn(
        `the picture for seed ${request.seed} holds values that are no numbers; ${
          config.fp16
            ? "try --no_half_vae or --bf16"
            : "a scale, a strength or the noise is too large, or a file is damaged"
        }`,
      );
    }
    const path = join(config.outdir, names.next({ ...request, place, mark }, { sequential, format, time }));
    const picture = { width, height, data: toBytes(values) };
    await writePicture(path, picture, { jpeg: quality, webp: quality }, texts);
    paths.push(path);
  }
  return paths;
}
