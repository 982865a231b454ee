/** What is trained: the options that only one of the trainings has. */

import { bucketOptions, datasetOptions } from "../../data/dataset/options.ts";
import {
  flag,
  float,
  group,
  idleZero,
  int,
  noEffect,
  own,
  pathTo,
  RATE,
  required,
  same,
  SHARE,
  str,
} from "../../options/mod.ts";
import { automationOptions, configFileOptions, consoleOptions, ONE_ATTENTION } from "../../options/shared.ts";
import { deviceOptions } from "../../runtime/options.ts";
import { trainingOptions } from "../loop/options.ts";
import { savingOptions } from "../loop/saving_options.ts";
import { optimizerOptions } from "../optimizers/options.ts";
import { precisionOptions } from "../step/options.ts";

const length = trainingOptions.rows, saving = savingOptions.rows;

const emaDecay = own(
  float(null, "save a running average of the weights with this decay, such as 0.999", SHARE),
);

const shared = {
  ema_decay: emaDecay,
  use_safetensors: flag("save as safetensors whatever the form of the base model"),
};

const learning_rate_te = float(null, "rate for the text encoder; unset takes the U-Net's", RATE);
const diffusers_xformers = noEffect(ONE_ATTENTION, flag("use diffusers' own xformers switch"));

export const fineTuneOptions = group("Fine-tuning", {
  train_text_encoder: same(flag("train the text encoder as well as the U-Net")),
  learning_rate_te,
  ...shared,
  diffusers_xformers,
});

export const dreamBoothOptions = group("DreamBooth", {
  learning_rate_te,
  stop_text_encoder_training: int(
    null,
    "step from which the text encoder stays as it is; 0 and below never train it, unset trains it to the end",
  ),
  no_token_padding: same(flag("captions as long as the longest of a batch, in place of 77 tokens")),
  ...shared,
});

export const sdxlTrainOptions = group("Fine-tuning SDXL", {
  train_text_encoder: same(flag("train the text encoders as well as the U-Net")),
  learning_rate_te1: float(null, "rate for the first text encoder (ViT-L); unset takes the U-Net's", RATE),
  learning_rate_te2: float(
    null,
    "rate for the second text encoder (ViT-bigG); unset takes the U-Net's",
    RATE,
  ),
  block_lr: str(
    null,
    "23 rates for the U-Net with commas between them: embeddings, 9 input, 3 middle, 9 output blocks, output layer",
  ),
  fused_optimizer_groups: idleZero(
    int(
      null,
      "that many optimizers in the backward pass: each tensor is clipped by itself and steps when its gradient comes, which " +
        "is free then; the number changes nothing",
      { min: 1 },
    ),
  ),
  ...shared,
  diffusers_xformers,
});

export const sdxlOptions = group("SDXL", {
  cache_text_encoder_outputs: flag("encode captions once, before training"),
  cache_text_encoder_outputs_to_disk: flag(
    "keep them in *_te_outputs.npz beside the images; implies the other",
  ),
  disable_mmap_load_safetensors: noEffect(
    "files are read piece by piece anyway",
    flag("read the file whole instead of memory-mapping"),
  ),
});

const vaeOptions = group("Autoencoder", {
  pretrained_model_name_or_path: required(
    pathTo("model", str(null, "checkpoint whose autoencoder is trained")),
  ),
  vae: pathTo("model", str(null, "autoencoder file to start from in place of the checkpoint's")),
  kl_weight: own(float(1e-6, "weight of the KL divergence of a latent value", { min: 0 })),
  edge_weight: own(float(1, "weight of the loss on differences between neighbouring pixels", { min: 0 })),
  decoder_only: own(flag("leave the encoder, and so the latents that a U-Net knows, as they are")),
  ema_decay: emaDecay,
  standardize_latents: own(
    flag("at the end, scale and shift latents to deviation 1: for a model whose U-Net is not trained yet"),
  ),
});

/** Captions play no part, so the dataset's flags are few. */
const vaePictureOptions = group("Pictures", {
  train_data_dir: pathTo("folder", str(null, "parent of folders named REPEATS_NAME with pictures")),
  dataset_config: datasetOptions.rows.dataset_config,
  random_crop: flag("cut a piece of the training size out of larger pictures, unscaled"),
  flip_aug: flag("random horizontal flip"),
  caption_extension: str(".txt", "suffix of caption files that lie beside the pictures"),
});

const vaeRunOptions = group("Training", {
  train_batch_size: { ...length.train_batch_size, help: "pictures a step" },
  max_train_steps: length.max_train_steps,
  max_train_epochs: length.max_train_epochs,
  seed: length.seed,
  mixed_precision: precisionOptions.rows.mixed_precision,
  output_dir: saving.output_dir,
  output_name: saving.output_name,
  save_precision: { ...saving.save_precision, help: "number format of saved weights; unset = as read" },
  save_every_n_steps: saving.save_every_n_steps,
});

export const trainVaeGroups = [
  vaeOptions,
  vaePictureOptions,
  bucketOptions,
  vaeRunOptions,
  optimizerOptions,
  deviceOptions,
  configFileOptions,
  consoleOptions,
  automationOptions,
] as const;
