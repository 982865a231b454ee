/** Work on folders of pictures and on metadata files: the flags of the scripts in sd-scripts' finetune/ and tools/. */

import { RANGES } from "../../data/dataset/ranges.ts";
import {
  choice,
  flag,
  float,
  group,
  int,
  noEffect,
  own,
  pathTo,
  required,
  SEEDS,
  str,
} from "../../options/mod.ts";
import { threads } from "../../runtime/options.ts";

const merging = {
  in_json: pathTo("json", str(null, "metadata to add to; unset = OUT_JSON where there is one")),
  full_path: flag("keys are paths, for several folders in one file; else names without ending"),
  recursive: flag("folders below TRAIN_DATA_DIR too; needs --full_path"),
  debug: flag("tell every key with its text"),
};

export const mergeCaptionsOptions = group("Merging", {
  ...merging,
  caption_extension: str(".caption", "ending of the caption files"),
  caption_extention: str(null, "misspelt alias, wins over caption_extension"),
});

export const mergeTagsOptions = group("Merging", {
  ...merging,
  caption_extension: str(".txt", "ending of the tag files"),
});

export const cleanOptions = group("Cleaning", {
  debug: flag("tell every text that changes, before and after"),
});

export const cannyOptions = group("Edges", {
  input: required(pathTo("file", str(null, "picture"))),
  output: required(pathTo("file", str(null, "picture to write: white edges on black"))),
  thres1: int(32, "slope from which on an edge goes on"),
  thres2: int(224, "slope at which an edge begins"),
});

export const resizeImagesOptions = group("Resizing", {
  max_resolution: str("512x512,384x384,256x256,128x128", "sizes, each the most pixels that a picture has"),
  divisible_by: int(1, "sides are multiples of this, by cutting", { min: 1, max: 16384 }),
  interpolation: choice(["area", "cubic", "lanczos4"], "area", "filter"),
  save_as_png: flag("write PNG files; else JPEG of quality 100"),
  copy_associated_files: flag("copy captions and the like with the size in their name"),
  threads,
});

export const prepareBucketsOptions = group("Buckets and latents", {
  v2: noEffect("an autoencoder is the same for all", flag("not used")),
  batch_size: int(1, "pictures encoded at once", RANGES.batch_size),
  max_data_loader_n_workers: int(
    null,
    "threads that read pictures, at most one for each core; unset is --threads. With --compat a damaged picture ends the work then",
    { min: 0 },
  ),
  max_resolution: str("512,512", 'its area is what a picture has at most: "width,height"'),
  min_bucket_reso: int(256, "shortest bucket side, px", RANGES.min_bucket_reso),
  max_bucket_reso: int(1024, "longest bucket side, px", RANGES.max_bucket_reso),
  bucket_reso_steps: int(64, "bucket side granularity, px", RANGES.bucket_reso_steps),
  bucket_no_upscale: flag("make buckets from picture sizes and only shrink"),
  mixed_precision: choice(["no", "fp16", "bf16"], "no", "compute format"),
  full_path: flag("keys are paths, for several folders in one file; else names without ending"),
  flip_aug: flag("latents of mirrored pictures too"),
  alpha_mask: str("", "any text: keep the alpha channel as a mask for the loss"),
  skip_existing: flag("leave latents that are there and fit as they are"),
  recursive: flag("folders below TRAIN_DATA_DIR too; with --full_path latents lie beside their pictures"),
  seed: own(int(null, "seed of the noise that samples the latents; unset draws one", SEEDS)),
});

export const facesOptions = group("Faces", {
  src_dir: required(pathTo("folder", str(null, "folder of pictures"))),
  dst_dir: required(pathTo("folder", str(null, "folder for the faces"))),
  detections: own(
    pathTo("json", str(null, "JSON file with the faces that a detector found in the pictures")),
  ),
  detector: own(
    pathTo(
      "file",
      str(null, "face detector: YuNet (2023) or a YOLOv8 face model in ONNX form, or YuNet's weights"),
    ),
  ),
  detector_score: own(float(0.6, "faces of which it is less sure are left out", { min: 0, max: 1 })),
  rotate: flag("turn pictures so that the eyes lie level"),
  resize_fit: flag("resize so that the shorter side fits the cut"),
  resize_face_size: int(null, "resize so that the face has this size, before cutting", { min: 1 }),
  crop_size: str(null, 'cut around the face, pixels: "width,height"'),
  crop_ratio: str(null, 'cut around the face, in faces: "horizontal,vertical"'),
  min_size: int(null, "smallest face that is kept"),
  max_size: int(null, "faces from this size on are left out"),
  multiple_faces: flag("number the faces of a picture"),
  debug: flag("draw a frame around the face"),
});

export const latentUpscalerOptions = group("Upscaling", {
  vae_path: required(pathTo("model", str(null, "autoencoder, or a model that has one"))),
  weights: required(pathTo("model", str(null, "latent upscaler: .safetensors or .pth"))),
  image_pattern: required(str(null, 'pictures, such as "in/*.png" with the quotes')),
  output_dir: pathTo("folder", str(".", "output folder")),
  batch_size: int(4, "pictures refined at once", RANGES.batch_size),
  vae_batch_size: int(1, "pictures that the autoencoder takes at once", RANGES.batch_size),
  debug: flag("write the pictures that are only enlarged, too, as NAME_lanczos4"),
  seed: own(int(null, "seed of the noise that samples the latents; unset draws one", SEEDS)),
});
