/** The part of a LoRA's metadata that tells of the images. */

import type { DatasetRecord, RecordedFlags, SubsetRecord, TrainingRecord } from "./training_record.ts";
import { pyFloat, pyJson, type PyValue } from "./python_text.ts";

/** The keys of runs with --dataset_config. */
export function configDatasets(datasets: readonly DatasetRecord[]): Record<string, string> {
  const frequency: Record<string, PyValue> = {}, folders: Record<string, PyValue> = {};
  for (const dataset of datasets) {
    for (const subset of dataset.subsets) {
      const name = subset.isReg ? null : subset.metadataFile ?? subset.imageDir;
      if (!name) continue;
      let unique = name;
      for (let i = 2; unique in folders; i++) unique = `${name} (${i})`; // a folder may be used more than once
      folders[unique] = folderEntry(subset);
    }
    for (const [folder, tags] of Object.entries(dataset.tagFrequency)) frequency[folder] ??= tags;
  }
  return {
    ss_datasets: pyJson(datasets.map(datasetEntry)),
    ss_tag_frequency: pyJson(frequency),
    ss_dataset_dirs: pyJson(folders),
  };
}

/** The keys of runs whose one dataset is described by flags. */
export function flagDataset({ datasets }: TrainingRecord, flags: RecordedFlags): Record<string, PyValue> {
  const [dataset] = datasets;
  const folders: Record<string, PyValue> = {}, regFolders: Record<string, PyValue> = {};
  for (const subset of dataset.subsets) {
    (subset.isReg ? regFolders : folders)[subset.metadataFile ?? subset.imageDir ?? ""] = folderEntry(subset);
  }
  return {
    ss_batch_size_per_device: flags.trainBatchSize,
    ss_total_batch_size: flags.totalBatchSize,
    ss_resolution: flags.resolution,
    ss_color_aug: flags.colorAug,
    ss_flip_aug: flags.flipAug,
    ss_random_crop: flags.randomCrop,
    ss_shuffle_caption: flags.shuffleCaption,
    ss_enable_bucket: dataset.enableBucket,
    ss_bucket_no_upscale: dataset.bucketNoUpscale,
    ss_min_bucket_reso: dataset.minBucketReso,
    ss_max_bucket_reso: dataset.maxBucketReso,
    ss_keep_tokens: flags.keepTokens,
    ss_dataset_dirs: pyJson(folders),
    ss_reg_dataset_dirs: pyJson(regFolders),
    ss_tag_frequency: pyJson(dataset.tagFrequency),
    ss_bucket_info: pyJson(bucketInfo(dataset)),
  };
}

function folderEntry(subset: SubsetRecord): PyValue {
  return { n_repeats: subset.numRepeats, img_count: subset.imageCount };
}

function bucketInfo({ bucketInfo }: DatasetRecord): PyValue {
  return bucketInfo && {
    buckets: Object.fromEntries(
      bucketInfo.buckets.map(({ resolution, count }, i) => [i, { resolution, count }]),
    ),
    mean_img_ar_error: pyFloat(bucketInfo.meanImageAspectError),
  };
}

function datasetEntry(dataset: DatasetRecord): PyValue {
  return {
    is_dreambooth: dataset.dreambooth,
    batch_size_per_device: dataset.batchSize,
    num_train_images: dataset.numTrainImages,
    num_reg_images: dataset.numRegImages,
    resolution: dataset.resolution,
    enable_bucket: dataset.enableBucket,
    min_bucket_reso: dataset.minBucketReso,
    max_bucket_reso: dataset.maxBucketReso,
    tag_frequency: dataset.tagFrequency,
    bucket_info: bucketInfo(dataset),
    subsets: dataset.subsets.map((subset) => subsetEntry(subset, dataset.dreambooth)),
  };
}

function subsetEntry(subset: SubsetRecord, dreambooth: boolean): PyValue {
  return {
    img_count: subset.imageCount,
    num_repeats: subset.numRepeats,
    color_aug: subset.colorAug,
    flip_aug: subset.flipAug,
    random_crop: subset.randomCrop,
    shuffle_caption: subset.shuffleCaption,
    keep_tokens: subset.keepTokens,
    keep_tokens_separator: subset.keepTokensSeparator,
    secondary_separator: subset.secondarySeparator,
    enable_wildcard: subset.enableWildcard,
    caption_prefix: subset.captionPrefix,
    caption_suffix: subset.captionSuffix,
    ...subset.resizeInterpolation && { resize_interpolation: subset.resizeInterpolation },
    ...(subset.imageDir ? { image_dir: subset.imageDir } : {}),
    ...(dreambooth
      ? { class_tokens: subset.classTokens ?? null, is_reg: subset.isReg ?? false }
      : { metadata_file: subset.metadataFile ?? null }),
  };
}
