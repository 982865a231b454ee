/** What all commands that train have in common: flag groups, checks, and the job's view of the values. */

import { dirname, join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { samplerProblem } from "../../generation/samplers/mod.ts";
import type {
  DataConfig,
  OptimizerConfig,
  OutputConfig,
  PlaceConfig,
  StepConfig,
} from "../../training/config.ts";
import { automationOptions, compatOptions, configFileOptions, consoleOptions } from "../../options/shared.ts";
import type { ConfigOf } from "../../options/mod.ts";
import {
  checkpoint,
  modelParts,
  nameInside,
  readableFile,
  readableFolder,
  writableFolder,
} from "../../options/paths.ts";
import { exclusive, needs, parseBytes, required } from "../../options/rules.ts";
import { checkDevice } from "../../runtime/check_device.ts";
import { deviceOptions } from "../../runtime/options.ts";
import { loggingOptions } from "../../training/loop/logging_options.ts";
import { sampleOptions } from "../../training/loop/sample_options.ts";
import { distributedOptions, precisionOptions } from "../../training/step/options.ts";
import { captionOptions } from "../../data/batches/options.ts";
import { bucketOptions, datasetOptions, latentOptions } from "../../data/dataset/options.ts";
import { lossOptions } from "../../training/objective/loss_options.ts";
import { modelOptions } from "../../models/options.ts";
import { noiseOptions } from "../../training/objective/noise_options.ts";
import { optimizerOptions } from "../../training/optimizers/options.ts";
import { hubOptions, metadataOptions, savingOptions } from "../../training/loop/saving_options.ts";
import { trainingOptions } from "../../training/loop/options.ts";
import type { Need } from "./required.ts";

/** In the order of the help; a command puts its own groups where they belong. */
export const DATA_GROUPS = [datasetOptions, captionOptions, bucketOptions, latentOptions] as const;
export const RUN_GROUPS = [
  trainingOptions,
  optimizerOptions,
  noiseOptions,
  lossOptions,
  savingOptions,
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
export const MODEL_GROUPS = [modelOptions] as const;

export type TrainingValues = ConfigOf<
  [...typeof MODEL_GROUPS, ...typeof DATA_GROUPS, ...typeof RUN_GROUPS]
>;

export type TrainingConfig = StepConfig & OptimizerConfig & DataConfig & OutputConfig & PlaceConfig;

/** The values as a job takes them: required ones present, aliases resolved. */
export function trainingConfig<V extends TrainingValues>(values: V, sdxl: boolean): V & TrainingConfig {
  const positive = (n: number | null) => n !== null && n > 0 ? n : null;
  return {
    ...values,
    pretrainedModelNameOrPath: required("pretrained_model_name_or_path", values.pretrainedModelNameOrPath),
    outputDir: required("output_dir", values.outputDir),
    outputName: values.outputName || null,
    logTrackerName: values.logTrackerName || null,
    captionExtension: values.captionExtention ?? values.captionExtension,
    cacheLatents: values.cacheLatents || values.cacheLatentsToDisk,
    sampleEveryNSteps: positive(values.sampleEveryNSteps),
    sampleEveryNEpochs: positive(values.sampleEveryNEpochs),
    vramBudget: parseBytes("vram_budget", values.vramBudget),
    sdxl: sdxl || null,
  };
}

/** Without these no training starts. */
export const TRAINING_NEEDS: readonly Need[] = [
  "pretrained_model_name_or_path",
  "output_dir",
  [["train_data_dir", "resolution"], ["dataset_config"]],
];

/** Everything about a training that can be known before a model is loaded. Makes no folder. */
export function checkTraining(values: TrainingValues): void {
  nameInside("output_name", values.outputName, "output_dir");
  // the time is put behind the prefix
  nameInside("log_prefix", values.logPrefix && `${values.logPrefix}0`, "logging_dir");
  nameInside("log_tracker_name", values.logTrackerName, "logging_dir");
  checkDevice(values);
  if (values.samplePrompts !== null) {
    const problem = samplerProblem(values.sampleSampler);
    if (problem) throw new UsageError(`--sample_sampler: ${problem}`);
  }
  checkContradictions(values);
  checkpoint("pretrained_model_name_or_path", values.pretrainedModelNameOrPath);
  modelParts(values);
  readableFile("dataset_config", values.datasetConfig);
  if (values.datasetConfig === null) {
    readableFolder("train_data_dir", values.trainDataDir);
    readableFolder("reg_data_dir", values.regDataDir);
    readableFile("in_json", values.inJson);
  }
  readableFile("sample_prompts", values.samplePrompts);
  readableFolder("resume", values.resume);
}

/** The folders a run writes into are tried before it starts. */
export function makeFolders(values: TrainingValues): void {
  // a name may lead into a folder below
  writableFolder("output_dir", dirname(join(values.outputDir!, values.outputName || "name")));
  if (values.loggingDir !== null) writableFolder("logging_dir", values.loggingDir);
}

function checkContradictions(values: TrainingValues): void {
  const given = (x: unknown) => x !== null && x !== false;
  exclusive(
    "v_pred_like_loss",
    Boolean(values.vPredLikeLoss),
    "v_parameterization",
    values.vParameterization,
  );
  const cached = values.cacheLatents || values.cacheLatentsToDisk;
  exclusive("cache_latents", cached, "color_aug", values.colorAug);
  exclusive("cache_latents", cached, "random_crop", values.randomCrop);
  needs("adaptive_noise_scale", given(values.adaptiveNoiseScale), "noise_offset", given(values.noiseOffset));
  needs(
    "scale_v_pred_loss_like_noise_pred",
    values.scaleVPredLossLikeNoisePred,
    "v_parameterization",
    values.vParameterization,
  );
  needs("log_with", given(values.logWith), "logging_dir", given(values.loggingDir));
  const low = values.minTimestep ?? 0, high = values.maxTimestep ?? 1000;
  if (low < 0 || high > 1000 || low >= high) {
    throw new UsageError(
      `--min_timestep ${low} and --max_timestep ${high} leave no timestep between 0 and 1000`,
    );
  }
  checkResolution(values);
}

/** What every command with pictures takes. */
export function checkResolution(
  values: Pick<TrainingValues, "resolution" | "minBucketReso" | "maxBucketReso">,
): void {
  if (values.resolution !== null && !/^\s*\d+\s*(,\s*\d+\s*)?$/.test(values.resolution)) {
    throw new UsageError(`--resolution takes "side" or "width,height", "${values.resolution}" was given`);
  }
  if (values.minBucketReso > values.maxBucketReso) {
    throw new UsageError(
      `--min_bucket_reso ${values.minBucketReso} is above --max_bucket_reso ${values.maxBucketReso}`,
    );
  }
}
