/** A dataset of the data room as the record that metadata is made from. */

import { basename } from "node:path";
import { adjustLimits } from "../../data/batches/buckets.ts";
import type { Dataset, SubsetParams } from "../../data/mod.ts";
import type { DatasetRecord, SubsetRecord } from "./training_record.ts";

export function datasetRecord(dataset: Dataset): DatasetRecord {
  const { params, bucketInfo } = dataset;
  const resolution = params.resolution ?? [0, 0];
  // what was given becomes multiples of the step when buckets are made
  const limits = params.enable_bucket && params.resolution
    ? adjustLimits({
      resolution,
      noUpscale: params.bucket_no_upscale,
      minSize: params.min_bucket_reso,
      maxSize: params.max_bucket_reso,
      steps: params.bucket_reso_steps,
    })
    : null;
  return {
    dreambooth: dataset.kind !== "finetuning",
    batchSize: params.batch_size,
    numTrainImages: dataset.trainImages,
    numRegImages: dataset.regImages,
    resolution,
    enableBucket: params.enable_bucket,
    bucketNoUpscale: params.enable_bucket && params.bucket_no_upscale,
    minBucketReso: limits?.minSize ?? null,
    maxBucketReso: limits?.maxSize ?? null,
    tagFrequency: dataset.tagFrequency,
    bucketInfo: bucketInfo && {
      buckets: Object.values(bucketInfo.buckets),
      meanImageAspectError: bucketInfo.mean_img_ar_error,
    },
    subsets: dataset.subsets.map((subset, i) => subsetRecord(subset, dataset.reports[i].images)),
  };
}

function subsetRecord(subset: SubsetParams, imageCount: number): SubsetRecord {
  return {
    imageCount,
    numRepeats: subset.num_repeats,
    colorAug: subset.color_aug,
    flipAug: subset.flip_aug,
    randomCrop: subset.random_crop,
    shuffleCaption: subset.shuffle_caption,
    keepTokens: subset.keep_tokens,
    keepTokensSeparator: subset.keep_tokens_separator,
    secondarySeparator: subset.secondary_separator,
    enableWildcard: subset.enable_wildcard,
    captionPrefix: subset.caption_prefix,
    captionSuffix: subset.caption_suffix,
    ...subset.resize_interpolation && { resizeInterpolation: subset.resize_interpolation },
    imageDir: subset.image_dir ? basename(subset.image_dir) : null,
    ...("is_reg" in subset ? { classTokens: subset.class_tokens, isReg: subset.is_reg } : {}),
    ...("metadata_file" in subset ? { metadataFile: basename(subset.metadata_file) } : {}),
  };
}
