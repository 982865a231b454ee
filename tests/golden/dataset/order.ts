/** In which order images and captions reach the training loop, through real files in a temporary folder. */

import { basename, extname, join, relative } from "node:path";
import { type Batch, createDatasetGroup, type DatasetGroup } from "../../../src/data/mod.ts";
import type { Values } from "../../../src/data/dataset/config_file.ts";
import { BatchLoader } from "../../../src/data/batches/loader.ts";
import { settle } from "../../../src/data/dataset/params.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { PythonRandom, TorchGenerator } from "../../../src/random/mod.ts";
import { datasetFlags } from "../../data/fixture.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact, maxAbs } from "../compare.ts";
import { sd1 } from "../../../src/models/families/sd1.ts";

interface SubsetCase {
  dir: string;
  num_repeats: number;
  is_reg?: boolean;
  options?: Values;
  images: [name: string, width: number, height: number][];
}

export async function checkOrder({ json }: GoldenCase): Promise<Check[]> {
  const root = Deno.makeTempDirSync();
  try {
    const subsets: SubsetCase[] = json.subsets.map((subset: Record<string, unknown>) => ({
      ...subset,
      images: Object.entries(subset).find(([key]) => key.startsWith("images"))![1],
    }));
    writeImages(root, subsets, json.caption_of_image !== undefined);
    const random = new PythonRandom(json.set_seed), torch = new TorchGenerator(json.set_seed);
    const group = await createGroup(root, json, subsets, random);
    const loader = new BatchLoader(group, {
      latent: sd1.latent,
      ...{ torch, random, maxTrainSteps: 1600, compat: true, workers: json.num_workers },
      note: (line) => {
        throw new Error(line);
      },
    });
    const checks = [
      exact("dataset_seed", group.seed, json.dataset_seed ?? json.after_make_buckets.dataset_seed),
    ];
    if (json.after_make_buckets) checks.push(...checkLayout(group, loader, root, json.after_make_buckets));
    checks.push(...await checkEpochs(loader, json, torch, json.final !== undefined));
    if (json.final) {
      checks.push(exact("torch.rand(2)", [...torch.rand(2)], json.final["torch.rand(2)"]));
      checks.push(exact("random.random()", random.random(), json.final["python random.random()"]));
    }
    return checks;
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

function writeImages(root: string, subsets: SubsetCase[], captions: boolean): void {
  for (const { dir, images } of subsets) {
    Deno.mkdirSync(join(root, dir));
    images.forEach(([name, width, height], i) => {
      const png = encodePng({ width, height, data: new Uint8Array(width * height * 3) });
      Deno.writeFileSync(join(root, dir, `${name}.png`), png);
      if (captions) Deno.writeTextFileSync(join(root, dir, `${name}.txt`), `cap ${name}, tag${i}, blue, sky`);
    });
  }
}

function createGroup(
  root: string,
  // deno-lint-ignore no-explicit-any -- the case as it is
  json: any,
  subsets: SubsetCase[],
  random: PythonRandom,
): Promise<DatasetGroup> {
  const values: Values = {
    ...{ resolution: json.resolution, batch_size: json.batch_size, enable_bucket: true },
    ...{ min_bucket_reso: json.bucket.min, max_bucket_reso: json.bucket.max },
    ...{ bucket_reso_steps: json.bucket.steps, bucket_no_upscale: json.bucket.no_upscale ?? false },
  };
  const plans = settle({
    general: {},
    datasets: [{
      method: "dreambooth",
      values,
      subsets: subsets.map(({ dir, num_repeats, is_reg = false, options }) => ({
        ...{ image_dir: join(root, dir), num_repeats, is_reg, caption_extension: ".txt" },
        ...options,
      })),
    }],
  }, datasetFlags({ prior_loss_weight: json.prior_loss_weight }));
  return createDatasetGroup(plans, random, { compat: true });
}

// deno-lint-ignore no-explicit-any -- the case as it is
function checkLayout(group: DatasetGroup, loader: BatchLoader, root: string, wanted: any): Check[] {
  const [dataset] = group.datasets, layout = group.orders[0].layout();
  const key = (start: string) => Object.keys(wanted).find((name) => name.startsWith(start))!;
  const paths = layout.buckets.map((b) => b.map((i) => relative(root, dataset.entries[i].path)));
  const indices = layout.indices.map(([bucket, batch]) => [bucket, dataset.params.batch_size, batch]);
  return [
    exact("buckets", dataset.buckets.map((b) => b.size), wanted[key("buckets (")]),
    exact("bucket contents", paths, wanted[key("bucket_contents")]),
    exact("batch indices", indices, wanted[key("buckets_indices")]),
    exact("batches", loader.length, wanted.num_batches),
    exact("train images", dataset.trainImages, wanted.num_train_images),
    exact("reg images", dataset.regImages, wanted.num_reg_images),
  ];
}

// deno-lint-ignore no-explicit-any -- the case as it is
async function checkEpochs(loader: BatchLoader, json: any, torch: TorchGenerator, training: boolean) {
  const checks: Check[] = [];
  let step = 0;
  for (const [e, wanted] of json.epochs.entries()) {
    loader.startEpoch(e + 1);
    const permutation = json.dataloader_permutation_per_epoch?.[e];
    if (permutation) {
      checks.push(exact(`epoch ${e + 1} permutation`, loader.state().permutation, permutation));
    }
    const seen: Record<string, unknown>[] = [];
    for (let batch = await loader.next(step); batch; batch = await loader.next(step)) {
      seen.push({ ...describe(batch), ...(training ? trainingDraws(torch, batch) : {}) });
      step++;
    }
    // Each entry of the case says what it records; noise is a float and gets float32's tolerance.
    const noise = seen.map((batch) => batch.noise_first as number);
    const fields = (batch: Record<string, unknown>, i: number) =>
      Object.fromEntries(Object.keys(wanted[i] ?? {}).map((name) => [name, batch[name]]));
    const without = (batch: Record<string, unknown>) => ({ ...batch, noise_first: null });
    checks.push(exact(`epoch ${e + 1}`, seen.map(fields).map(without), wanted.map(without)));
    if (training) {
      const expected = wanted.map((batch: { noise_first: number }) => batch.noise_first);
      checks.push({ what: `epoch ${e + 1} noise`, error: maxAbs(noise, expected), limit: 1e-6 });
    }
  }
  return checks;
}

function describe(batch: Batch): Record<string, unknown> {
  return {
    images: batch.imagePaths.map((path) => basename(path, extname(path))),
    captions: batch.captions,
    size_hw: batch.targetSizes[0],
    flipped: batch.flippeds,
    loss_weights: [...batch.lossWeights],
    original_hw: batch.originalSizes,
    crop_top_left: batch.cropTopLefts,
  };
}

/** What a training step draws: noise of the latents' shape, then timesteps. */
function trainingDraws(torch: TorchGenerator, { bucket: [width, height], captions: { length } }: Batch) {
  const noise = torch.randn(length * 4 * (height / 8) * (width / 8));
  return { noise_first: noise[0], timesteps: torch.randint(0, 1000, length) };
}
