/** The options of all trainings, in the order of the help, and the types of what a training is told: both from the rows. */

import { captionOptions } from "../data/batches/options.ts";
import { bucketOptions, conditionedOptions, datasetOptions, latentOptions } from "../data/dataset/options.ts";
import { modelOptions } from "../models/options.ts";
import { networkOptions } from "../networks/options.ts";
import type { ConfigOf } from "../options/mod.ts";
import { automationOptions, compatOptions, configFileOptions, consoleOptions } from "../options/shared.ts";
import { deviceOptions } from "../runtime/options.ts";
import { loggingOptions } from "./logging/logging_options.ts";
import { trainingOptions } from "./loop/options.ts";
import { sampleOptions } from "./loop/sample_options.ts";
import {
  conditionedSavingOptions,
  hubOptions,
  metadataOptions,
  modelSavingOptions,
  savingOptions,
} from "./loop/saving_options.ts";
import { conditionedLossOptions, lossOptions } from "./objective/loss_options.ts";
import { noiseOptions } from "./objective/noise_options.ts";
import { optimizerOptions } from "./optimizers/options.ts";
import { distributedOptions, precisionOptions } from "./step/options.ts";
import { llliteOptions } from "./trained/lllite/options.ts";
import {
  dreamBoothOptions,
  fineTuneOptions,
  sdxlOptions,
  sdxlTrainOptions,
  type trainVaeGroups,
} from "./trained/options.ts";
import { controlNetOptions, sdxlControlNetOptions } from "./trained/controlnet/options.ts";
import {
  embeddingSavingOptions,
  sdxlInversionOptions,
  textualInversionOptions,
} from "./trained/textual_inversion/options.ts";

const PICTURES = [captionOptions, bucketOptions, latentOptions] as const;
const DATA = [datasetOptions, ...PICTURES] as const;
const BEFORE = [trainingOptions, optimizerOptions, noiseOptions, lossOptions] as const;
const AFTER = [
  metadataOptions,
  sampleOptions,
  loggingOptions,
  precisionOptions,
  deviceOptions,
  compatOptions,
  configFileOptions,
  consoleOptions,
  automationOptions,
  distributedOptions,
  hubOptions,
] as const;
/** Of networks and of whole models, which have more forms. */
const NETWORK_RUN = [...BEFORE, savingOptions, ...AFTER] as const;
const RUN = [...BEFORE, modelSavingOptions, ...AFTER] as const;
const CONDITIONED_RUN = [
  trainingOptions,
  optimizerOptions,
  noiseOptions,
  conditionedLossOptions,
  conditionedSavingOptions,
  ...AFTER,
] as const;

/** What all trainings of a denoiser take; each has its own group after the model's. */
export const trainingGroups = [modelOptions, ...DATA, ...RUN] as const;
export const trainNetworkGroups = [modelOptions, networkOptions, ...DATA, ...NETWORK_RUN] as const;
export const sdxlTrainNetworkGroups = [...trainNetworkGroups, sdxlOptions] as const;
export const fineTuneGroups = [modelOptions, fineTuneOptions, ...DATA, ...RUN] as const;
export const trainDbGroups = [modelOptions, dreamBoothOptions, ...DATA, ...RUN] as const;
export const sdxlTrainGroups = [modelOptions, sdxlTrainOptions, ...DATA, sdxlOptions, ...RUN] as const;
export const textualInversionGroups = [
  modelOptions,
  textualInversionOptions,
  ...DATA,
  ...BEFORE,
  embeddingSavingOptions,
  ...AFTER,
] as const;
export const llliteGroups = [
  modelOptions,
  llliteOptions,
  conditionedOptions,
  ...PICTURES,
  sdxlOptions,
  ...CONDITIONED_RUN,
] as const;
export const sdxlTextualInversionGroups = [...textualInversionGroups, sdxlInversionOptions] as const;

export const controlNetGroups = [
  modelOptions,
  controlNetOptions,
  conditionedOptions,
  ...PICTURES,
  ...CONDITIONED_RUN,
] as const;
export const sdxlControlNetGroups = [
  modelOptions,
  sdxlControlNetOptions,
  conditionedOptions,
  ...PICTURES,
  sdxlOptions,
  ...CONDITIONED_RUN,
] as const;

/**
 * Further sets of options without which no training starts; of each one is enough. Metadata may have the sizes that its
 * latents were made for.
 */
export const TRAINING_NEEDS = [[
  ["train_data_dir", "resolution"],
  ["dataset_config"],
  ["train_data_dir", "in_json"],
]] as const;

export type TrainingConfig = ConfigOf<typeof trainingGroups> & {
  /** A plan of what would cache latents, which takes pictures of all sizes as the caching does. */
  readonly anySize?: boolean;
};
export type TrainNetworkConfig = ConfigOf<typeof trainNetworkGroups>;
export type FineTuneConfig = ConfigOf<typeof fineTuneGroups>;
export type TextualInversionConfig = ConfigOf<typeof textualInversionGroups>;
/** Of both commands that train one; the rates and the cache are SDXL's. */
export type ControlNetConfig =
  & ConfigOf<typeof controlNetGroups>
  & Partial<ConfigOf<typeof sdxlControlNetGroups>>;
export type LLLiteConfig = ConfigOf<typeof llliteGroups>;
export type TrainVaeConfig = ConfigOf<typeof trainVaeGroups>;

/** How a step draws noise and weighs its loss. */
export type StepConfig =
  & ConfigOf<readonly [typeof modelOptions, typeof noiseOptions, typeof lossOptions, typeof precisionOptions]>
  & Pick<ConfigOf<typeof optimizerOptions>, "maxGradNorm">
  & Pick<ConfigOf<typeof datasetOptions>, "maskedLoss">
  & Pick<ConfigOf<typeof captionOptions>, "weightedCaptions">;

/** Optimizer, learning-rate schedule and length. */
export type OptimizerConfig = ConfigOf<readonly [typeof optimizerOptions, typeof trainingOptions]>;

/** Where images and captions come from, and how they are cut. */
export type DataConfig = ConfigOf<typeof DATA>;

/** What is written, where and when. */
export type OutputConfig = ConfigOf<
  readonly [
    typeof modelSavingOptions,
    typeof metadataOptions,
    typeof sampleOptions,
    typeof loggingOptions,
    typeof hubOptions,
  ]
>;

/** The model, and where to compute. */
export type PlaceConfig =
  & ConfigOf<readonly [typeof modelOptions, typeof deviceOptions, typeof compatOptions]>
  & Pick<ConfigOf<typeof trainingOptions>, "generator">;

export type MixedPrecision = StepConfig["mixedPrecision"];
