/** Dataset config, images, captions, buckets, batches, latent caches. */

export { type Batch, type Pair } from "./batches/batch.ts";
export { type Size } from "./batches/buckets.ts";
export { type Supports } from "./dataset/config_schema.ts";
export { DatasetFileError } from "./dataset/config_file.ts";
export { type Dataset, type DatasetOptions } from "./dataset/dataset.ts";
export { type BucketInfo } from "./batches/fill_buckets.ts";
export {
  createDatasetGroup,
  createValidationGroup,
  type DatasetGroup,
  planDatasets,
} from "./dataset/group.ts";
export { drawItems } from "./batches/draws.ts";
export { renderBatch } from "./batches/batch.ts";
export { type Encode, type Encoded } from "./cache/encode.ts";
export { cacheLatents, type CacheOptions } from "./cache/latent_cache.ts";
export { BatchLoader, type LoaderOptions, type LoaderState } from "./batches/loader.ts";
export { type DatasetPlan, type SubsetParams } from "./dataset/params.ts";
export { datasetName, describeDatasets } from "./dataset/summary.ts";
export { loadImage } from "../images/load.ts";
export { type Pixels } from "../images/pixels.ts";
