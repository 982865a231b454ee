/** All datasets of a run, from flags or a dataset file, in their first order. */

import { basename, join } from "node:path";
import { UsageError, UserError } from "../../base/errors.ts";
import { listed } from "../../base/phrases.ts";
import { isFolder } from "../../base/files/exists.ts";
import { PythonRandom } from "../../random/mod.ts";
import type { DatasetFlags } from "./options.ts";
import { type DatasetFile, readDatasetFile, type Values } from "./config_file.ts";
import { type Method, type Supports, supportsOf } from "./config_schema.ts";
import { createDataset, type Dataset, type DatasetOptions, openDataset } from "./dataset.ts";
import { type FoundSubsets, subsetsBelow } from "./folders.ts";
import { Order } from "../batches/order.ts";
import { type DatasetPlan, settle } from "./params.ts";

export interface DatasetGroup {
  readonly datasets: readonly Dataset[];
  /** One for each dataset, at epoch 0. */
  readonly orders: readonly Order[];
  /** Of all orders; drawn from the Python generator. */
  readonly seed: number;
}

/**
 * What `--dataset_config`, or `--train_data_dir` with `--reg_data_dir` or `--in_json`, ask for, every option settled.
 * Reads no image. Throws UsageError or UserError.
 */
export function planDatasets(flags: DatasetFlags, supports: Supports = supportsOf(flags)): DatasetPlan[] {
  const { datasetConfig: config, trainDataDir: trainDir, inJson: metadata } = flags;
  if (config) {
    const file = readDatasetFile(config, supports);
    refuseEmpty(config, file);
    return settle(file, flags);
  }
  refuseConditioning(flags, supports);
  if (metadata) {
    const subset: Values = { metadata_file: metadata, ...(trainDir && { image_dir: trainDir }) };
    const file: DatasetFile = {
      general: {},
      datasets: [{ method: "finetuning", values: {}, subsets: [subset] }],
    };
    const notes = flags.cacheInfo ? [`cache_info has no effect: ${metadata} names images and captions`] : [];
    return settle(file, flags).map((plan) => ({ ...plan, notes }));
  }
  if (!trainDir) {
    throw new UsageError("no images: give --train_data_dir, or --dataset_config with a TOML file");
  }
  const found = supports.controlnet
    ? conditionedSubsets(flags, trainDir, supports)
    : plainSubsets(flags, trainDir);
  const { method, subsets, notes } = found;
  return settle({ general: {}, datasets: [{ method, values: {}, subsets }] }, flags)
    .map((plan) => ({ ...plan, notes }));
}

/** Throws UsageError where --conditioning_data_dir would do nothing. */
function refuseConditioning({ conditioningDataDir, inJson }: DatasetFlags, { controlnet }: Supports): void {
  if (!conditioningDataDir) return;
  if (!controlnet) throw new UsageError("--conditioning_data_dir has masks for --masked_loss; give that too");
  if (inJson) {
    throw new UsageError(
      "--conditioning_data_dir goes with pictures in folders; give --train_data_dir in place of --in_json",
    );
  }
}

interface FlagSubsets extends FoundSubsets {
  readonly method: Method;
}

/** The folders below --train_data_dir and --reg_data_dir. */
function plainSubsets({ regDataDir: regDir }: DatasetFlags, trainDir: string): FlagSubsets {
  const found = [subsetsBelow(trainDir, false), ...regDir ? [subsetsBelow(regDir, true)] : []];
  return {
    method: "dreambooth",
    subsets: found.flatMap((below) => below.subsets),
    notes: found.flatMap((below) => below.notes),
  };
}

/**
 * What trains a ControlNet has its pictures in --train_data_dir itself, as sd-scripts has it. Masks of a loss, which sd-scripts
 * takes from dataset files alone, lie in --conditioning_data_dir, or below it in folders of the pictures' folders' names.
 */
function conditionedSubsets(flags: DatasetFlags, trainDir: string, { dreambooth }: Supports): FlagSubsets {
  const { conditioningDataDir: conditioning, regDataDir: regDir } = flags;
  if (!conditioning) {
    if (dreambooth) return plainSubsets(flags, trainDir);
    throw new UsageError("no conditioning images: give --conditioning_data_dir beside --train_data_dir");
  }
  if (!dreambooth) {
    const subset = { image_dir: trainDir, conditioning_data_dir: conditioning, num_repeats: 1 };
    return { method: "controlnet", subsets: [subset], notes: [] };
  }
  if (regDir) {
    throw new UsageError(
      "--conditioning_data_dir has masks for --train_data_dir only; leave --reg_data_dir out, or use --alpha_mask",
    );
  }
  const { subsets, notes } = subsetsBelow(trainDir, false);
  const masked = subsets.map(({ image_dir, num_repeats }): Values => {
    const own = join(conditioning, basename(String(image_dir)));
    return { image_dir, num_repeats, conditioning_data_dir: isFolder(own) ? own : conditioning };
  });
  return { method: "controlnet", subsets: masked, notes };
}

/** What the reference's schema lets through and nobody can train on. */
function refuseEmpty(path: string, { datasets }: DatasetFile): void {
  if (datasets.length === 0) throw new UserError(`${path}: has no [[datasets]]; begin with that line`);
  datasets.forEach(({ subsets }, i) => {
    if (subsets.length === 0) {
      throw new UserError(`${path}: datasets[${i}] has no [[datasets.subsets]]; add one with image_dir`);
    }
    const empty = subsets.findIndex((subset) => subset.image_dir === "");
    if (empty >= 0) {
      throw new UserError(`${path}: datasets[${i}].subsets[${empty}].image_dir is empty; name a folder`);
    }
  });
}

/** Finds and sorts the images. Draws the seed from `random`, then reseeds it, as the reference does. */
export async function createDatasetGroup(
  plans: readonly DatasetPlan[],
  random: PythonRandom,
  options: DatasetOptions,
): Promise<DatasetGroup> {
  const datasets: Dataset[] = [];
  for (const plan of trainedOn(plans, options)) datasets.push(await createDataset(plan, options));
  const seed = random.randint(0, 2 ** 31);
  return { datasets, orders: datasets.map((dataset) => new Order(dataset, seed, random)), seed };
}

/** A dataset that is held out as a whole is only validated with, where others are there to train on. */
function trainedOn(plans: readonly DatasetPlan[], { split }: DatasetOptions): readonly DatasetPlan[] {
  const some = split ? plans.filter(({ params }) => params.validation_split !== 1) : plans;
  return some.length > 0 ? some : plans;
}

/** Pictures are validated with once each, with whole captions. */
const HELD_OUT = {
  num_repeats: 1,
  caption_dropout_rate: 0,
  caption_dropout_every_n_epochs: 0,
  caption_tag_dropout_rate: 0,
};

/** The pictures that are held out; null where no dataset asks for it. Throws UsageError where there is none. */
export async function createValidationGroup(
  plans: readonly DatasetPlan[],
  { seed, ...options }: Omit<DatasetOptions, "split"> & { seed: number },
): Promise<DatasetGroup | null> {
  const asking = plans.filter(({ params }) => params.validation_split), opened: Dataset[] = [];
  if (asking.length === 0) return null;
  for (const plan of asking) {
    const used = plan.subsets.filter(({ num_repeats }) => num_repeats > 0);
    const subsets = used.map((subset) => ({ ...subset, ...HELD_OUT }));
    opened.push(await openDataset({ ...plan, subsets }, { ...options, split: { part: "validation", seed } }));
  }
  const datasets = opened.filter(({ buckets }) => buckets.length > 0);
  if (datasets.length === 0) {
    const shares = asking.map(({ params }) => params.validation_split);
    throw new UsageError(
      `--validation_split ${listed(shares.map(String))}: holds out no picture of so few; give a larger share`,
    );
  }
  const random = new PythonRandom(seed);
  return { datasets, orders: datasets.map((dataset) => new Order(dataset, seed, random)), seed };
}
