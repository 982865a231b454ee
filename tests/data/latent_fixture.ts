/** Pictures whose latents are cached by what is no autoencoder, for tests. */

import { join } from "node:path";
import {
  BatchLoader,
  cacheLatents,
  type CacheOptions,
  createDatasetGroup,
  type DatasetGroup,
} from "../../src/data/mod.ts";
import { sd1 } from "../../src/models/families/sd1.ts";
import { PythonRandom, TorchGenerator } from "../../src/random/mod.ts";
import { plansOf, writePictures } from "./fixture.ts";

/** Not a VAE: each latent is a pixel of its 8x8 block, twice, with the call's number and the column. */
class Encoder {
  readonly calls: number[] = [];
  readonly encode: CacheOptions["encode"] = (pixels, count, height, width) => {
    this.calls.push(count);
    const h = height / 8, w = width / 8;
    const latents = Float32Array.from({ length: count * h * w * 4 }, (_, i) => {
      const channel = i % 4,
        x = Math.floor(i / 4) % w,
        y = Math.floor(i / 4 / w) % h,
        n = Math.floor(i / 4 / w / h);
      return channel < 2
        ? pixels[((n * height + y * 8) * width + x * 8) * 3 + channel]
        : channel === 2
        ? this.calls.length
        : x;
    });
    return Promise.resolve({ latents, channels: 4, height: h, width: w });
  };
}

const FLAGS = {
  ...{ resolution: "64", caption_extension: ".txt", train_batch_size: 4, enable_bucket: true },
  ...{ min_bucket_reso: 32, max_bucket_reso: 128, bucket_reso_steps: 32 },
};

export async function open(dir: string, flags: Record<string, unknown> = {}): Promise<DatasetGroup> {
  const plans = plansOf({ train_data_dir: dir, ...FLAGS, ...flags });
  return await createDatasetGroup(plans, new PythonRandom(1), { compat: false });
}

export async function cache(group: DatasetGroup, toDisk: boolean, more: Partial<CacheOptions> = {}) {
  const encoder = new Encoder(), notes: string[] = [];
  const note = (line: string) => notes.push(line);
  await cacheLatents(group.datasets[0], {
    latent: sd1.latent,
    encode: encoder.encode,
    batchSize: 2,
    toDisk,
    compat: false,
    note,
    ...more,
  });
  return { encoder, notes };
}

/** At the beginning of an epoch. */
export function loaderOf(group: DatasetGroup, note: (line: string) => void = () => {}): BatchLoader {
  const random = new PythonRandom(3), torch = new TorchGenerator(3), { latent } = sd1;
  const loader = new BatchLoader(group, { latent, torch, random, maxTrainSteps: 1, compat: false, note });
  loader.startEpoch(1);
  return loader;
}

export async function firstBatch(group: DatasetGroup) {
  return (await loaderOf(group).next(0))!;
}

export function pictures(dir: string): void {
  writePictures(join(dir, "1_a"), [
    { name: "big", width: 70, height: 64 },
    { name: "s1", width: 64, height: 64 },
    { name: "s2", width: 64, height: 64 },
    { name: "tall", width: 40, height: 90 },
  ]);
}
