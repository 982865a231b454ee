/**
 * The flags of cache_latents and cache_text_encoder_outputs: those of a training, so that its command line can be pasted,
 * of which only those about pictures, captions, model and device decide anything.
 */

import { captionOptions } from "../../../data/batches/options.ts";
import { bucketOptions, datasetOptions, latentOptions } from "../../../data/dataset/options.ts";
import { modelOptions } from "../../../models/options.ts";
import { networkOptions } from "../../../networks/options.ts";
import { type ConfigOf, flag, group, idleGroup, noEffect } from "../../../options/mod.ts";
import {
  automationOptions,
  compatOptions,
  configFileOptions,
  consoleOptions,
} from "../../../options/shared.ts";
import { deviceOptions } from "../../../runtime/options.ts";
import { loggingOptions } from "../../../training/logging/logging_options.ts";
import { trainingOptions } from "../../../training/loop/options.ts";
import { sampleOptions } from "../../../training/loop/sample_options.ts";
import { hubOptions, metadataOptions, modelSavingOptions } from "../../../training/loop/saving_options.ts";
import { lossOptions } from "../../../training/objective/loss_options.ts";
import { noiseOptions } from "../../../training/objective/noise_options.ts";
import { distributedOptions, precisionOptions } from "../../../training/step/options.ts";
import { optimizerOptions } from "../../../training/optimizers/options.ts";
import {
  dreamBoothOptions,
  fineTuneOptions,
  sdxlOptions,
  sdxlTrainOptions,
} from "../../../training/trained/options.ts";
import { sdxlControlNetOptions } from "../../../training/trained/controlnet/options.ts";
import { llliteOptions } from "../../../training/trained/lllite/options.ts";
import { textualInversionOptions } from "../../../training/trained/textual_inversion/options.ts";

const {
  pretrained_model_name_or_path,
  vae,
  no_half_vae,
  text_encoder,
  clip_l,
  clip_g,
  max_token_length,
  ...otherModel
} = modelOptions.rows;
const { seed, ...otherTraining } = trainingOptions.rows;
const { mixed_precision, ...otherPrecision } = precisionOptions.rows;
const { disable_mmap_load_safetensors } = sdxlOptions.rows;
const { debug_dataset, ...pictures } = datasetOptions.rows;
const pictureOptions = group(datasetOptions.title, pictures);

const sdxl = flag("the model is SDXL");
const NOT_TRAINED = "nothing is trained here", OTHER_CACHE = "this tool makes the other cache";

/** Of networks, words, ControlNets and whole models. */
const ownOfTrainings = {
  ...textualInversionOptions.rows,
  ...sdxlControlNetOptions.rows,
  ...llliteOptions.rows,
  ...networkOptions.rows,
  ...optimizerOptions.rows,
  ...fineTuneOptions.rows,
  ...dreamBoothOptions.rows,
  ...sdxlTrainOptions.rows,
};

/** Those of a training that a cache does not depend on. */
const idle = [
  idleGroup(group("Model", otherModel), NOT_TRAINED),
  idleGroup(group("Training", { debug_dataset, ...otherTraining }), NOT_TRAINED),
  idleGroup(group("Precision and memory", otherPrecision), NOT_TRAINED),
  idleGroup(group("What is trained", ownOfTrainings), NOT_TRAINED),
  ...[
    noiseOptions,
    lossOptions,
    modelSavingOptions,
    metadataOptions,
    sampleOptions,
    loggingOptions,
    distributedOptions,
    hubOptions,
  ]
    .map((each) => idleGroup(each, NOT_TRAINED)),
];
const place = [deviceOptions, compatOptions, configFileOptions, consoleOptions, automationOptions] as const;

export const cacheLatentsGroups = [
  group("Caching", {
    pretrained_model_name_or_path,
    vae,
    no_half_vae,
    seed,
    mixed_precision,
    sdxl: noEffect("an autoencoder is the same for all", sdxl),
    skip_existing: flag("leave latents that are there and fit as they are"),
  }),
  pictureOptions,
  captionOptions,
  bucketOptions,
  latentOptions,
  ...place,
  idleGroup(
    group("Text encoders", { text_encoder, clip_l, clip_g, max_token_length, ...sdxlOptions.rows }),
    OTHER_CACHE,
  ),
  ...idle,
] as const;

export const cacheTextGroups = [
  group("Caching", {
    pretrained_model_name_or_path,
    clip_l,
    clip_g,
    max_token_length,
    mixed_precision,
    cache_text_encoder_outputs: flag("encode captions once, which this tool is for"),
    cache_text_encoder_outputs_to_disk: flag(
      "write *_te_outputs.npz beside the images, which this tool always does",
    ),
    disable_mmap_load_safetensors,
    sdxl,
    skip_existing: flag("leave files that are there as they are"),
  }),
  pictureOptions,
  captionOptions,
  bucketOptions,
  ...place,
  idleGroup(group("Autoencoder", { vae, no_half_vae, text_encoder, seed }), OTHER_CACHE),
  idleGroup(latentOptions, OTHER_CACHE),
  ...idle,
] as const;

/** What both are told. */
export type CacheConfig =
  & ConfigOf<readonly [typeof pictureOptions, typeof bucketOptions, typeof deviceOptions]>
  & {
    readonly pretrainedModelNameOrPath: string;
  };
