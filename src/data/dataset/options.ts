/** Where images come from, how they are cut and kept. */

import type { ModelConfig } from "../../models/options.ts";
import type { captionOptions } from "../batches/options.ts";
import { INTERPOLATIONS } from "../../images/resampling/resize.ts";
import { RANGES, REPEATS } from "./ranges.ts";
import {
  choice,
  type ConfigOf,
  flag,
  float,
  forgotten,
  group,
  idleZero,
  int,
  newer,
  noEffect,
  notYet,
  path,
  pathTo,
  same,
  str,
} from "../../options/mod.ts";

export const datasetOptions = group("Dataset", {
  dataset_config: pathTo("toml", path("dataset TOML/JSON")),
  train_data_dir: pathTo(
    "folder",
    str(null, "root of training images (DreamBooth: parent of N_name folders; otherwise the image folder)"),
  ),
  cache_info: flag(
    "keep sizes and captions of a folder's images in its metadata_cache.json, and take them from there",
  ),
  color_aug: flag("random hue or gamma change (bars latent caching)"),
  flip_aug: flag("random horizontal flip (both versions cached)"),
  face_crop_aug_range: str(
    null,
    "'lower,upper': cut around the face that NAME_X_Y_WIDTH_HEIGHT.png names, the short side of the training size " +
      "being so many times the face; without buckets and cached latents",
  ),
  random_crop: flag("random instead of centre crop (bars latent caching)"),
  debug_dataset: forgotten(
    flag("write what the trainer would see into a folder of OUTPUT_DIR, with a page, and stop"),
  ),
  alpha_mask: flag("use the alpha channel as the loss mask"),
  dataset_class: notYet(str(null, "python path of a user dataset class")),
  reg_data_dir: pathTo("folder", str(null, "root of regularisation (class) images")),
  in_json: pathTo("json", str(null, "metadata file with captions/tags (fine-tuning method)")),
  dataset_repeats: int(1, "repeats per image with the fine-tuning method", REPEATS),
  conditioning_data_dir: pathTo(
    "folder",
    str(null, "folder of conditioning images (ControlNet) or of --masked_loss' masks, of the same names"),
  ),
  masked_loss: flag(
    "weight the per-pixel loss by a mask: the red channel of conditioning_data_dir's pictures, else alpha_mask's",
  ),
  train_inpainting: newer(
    same(flag(
      "train an inpainting model (9 channels): each picture is shown with a random part hidden; bars latent caching",
    )),
    "0.11",
  ),
  max_data_loader_n_workers: int(
    8,
    "loader worker processes, at most as many as CPUs; easel has none and draws as if with --compat",
    { min: 0 },
  ),
  persistent_data_loader_workers: flag("keep workers between epochs; has an effect with --compat"),
});

const { masked_loss: _masks, reg_data_dir: _classes, train_inpainting: _hidden, ...conditionedRows } =
  datasetOptions.rows;
const ONLY_FOLDERS = "conditioning pictures go with pictures in folders";

/** Of what trains on conditioning pictures. */
export const conditionedOptions = group("Dataset", {
  ...conditionedRows,
  in_json: noEffect(ONLY_FOLDERS, conditionedRows.in_json),
  alpha_mask: noEffect("the loss of a ControlNet has no mask", conditionedRows.alpha_mask),
});

/** Obeyed here, though the help shows them under other headings. */
export const trainBatchSize = same(int(1, "batch per device", RANGES.batch_size));
export const validationSeed = newer(
  int(null, "seed of the validation split and noise; unset = --seed", RANGES.validation_seed),
);
export const validationSplit = newer(
  float(0.0, "share of the images of each folder that is held out to validate with", RANGES.validation_split),
);
export const priorLossWeight = float(1.0, "loss weight of regularisation images", { min: 0 });

export const bucketOptions = group("Resolution and buckets", {
  resolution: str(null, 'training size: "side" or "width,height"'),
  enable_bucket: flag("group images by aspect ratio"),
  min_bucket_reso: int(256, "shortest bucket side, px", RANGES.min_bucket_reso),
  max_bucket_reso: int(1024, "longest bucket side, px", RANGES.max_bucket_reso),
  bucket_reso_steps: int(64, "bucket side granularity, px", RANGES.bucket_reso_steps),
  bucket_no_upscale: flag("make buckets from image sizes and only shrink"),
  resize_interpolation: newer(
    choice(
      INTERPOLATIONS,
      null,
      "filter that resizes images; else area where both sides shrink, lanczos where not",
    ),
  ),
});

export const latentOptions = group("Latent cache", {
  cache_latents: flag("encode images once and keep latents in memory"),
  vae_batch_size: idleZero(int(1, "images encoded at once while caching latents", RANGES.batch_size)),
  cache_latents_to_disk: flag("write latents as .npz beside the images; implies cache_latents"),
  skip_cache_check: newer(
    forgotten(flag("take .npz files of latents that are there without reading their numbers first")),
  ),
});

/** A cache on disk is one in memory too. */
export function cachesLatents(
  { cacheLatents, cacheLatentsToDisk }: Pick<
    ConfigOf<typeof latentOptions>,
    "cacheLatents" | "cacheLatentsToDisk"
  >,
): boolean {
  return cacheLatents || cacheLatentsToDisk;
}

/** The flags that a dataset is made of, as far as no dataset file says otherwise. */
export type DatasetFlags =
  & ConfigOf<readonly [typeof datasetOptions, typeof captionOptions, typeof bucketOptions]>
  & Pick<ModelConfig, "maxTokenLength">
  & { readonly trainBatchSize: number; readonly priorLossWeight: number }
  & { readonly validationSplit?: number; readonly validationSeed?: number | null };
