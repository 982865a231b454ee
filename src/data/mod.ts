/** Dataset config, images, captions, buckets, batches, latent caches. */

export { type Batch, type Pair } from "./batch.ts";
export { type Size } from "./buckets.ts";
export { type Supports } from "./config_schema.ts";
export { DatasetFileError } from "./config_file.ts";
export { type Dataset, type DatasetOptions } from "./dataset.ts";
export { type BucketInfo } from "./fill_buckets.ts";
export { createDatasetGroup, type DatasetGroup, planDatasets } from "./group.ts";
export { cacheLatents, type CacheOptions, type Encode, type Encoded } from "./latent_cache.ts";
export { BatchLoader, type LoaderOptions, type LoaderState } from "./loader.ts";
export { type DatasetPlan, type Flags, type SubsetParams } from "./params.ts";
export { datasetName, describeDatasets } from "./summary.ts";
export { loadImage } from "./images/load.ts";
export { type Pixels } from "./images/pixels.ts";
