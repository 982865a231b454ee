/** What can be said of a training before a model is loaded. Throws UsageError and UserError, one line each. */

import { dirname, join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { cachesLatents } from "../../data/dataset/options.ts";
import { samplerProblem } from "../../generation/samplers/mod.ts";
import {
  checkpoint,
  modelParts,
  nameInside,
  readableFile,
  readableFolder,
  writableFolder,
} from "../../options/paths.ts";
import { exclusive, needs } from "../../options/rules.ts";
import { checkUploads } from "../../hub/mod.ts";
import { checkDevice } from "../../runtime/check_device.ts";
import { readTrackerConfig } from "../logging/tracker_config.ts";
import type { TrainingConfig } from "../options.ts";

/** Everything about a training that can be known before a model is loaded. Makes no folder. */
export function checkTraining(values: TrainingConfig): void {
  nameInside("output_name", values.outputName, "output_dir");
  // the time is put behind the prefix
  nameInside("log_prefix", values.logPrefix && `${values.logPrefix}0`, "logging_dir");
  nameInside("log_tracker_name", values.logTrackerName, "logging_dir");
  readableFile("log_tracker_config", values.logTrackerConfig);
  readTrackerConfig(values.logTrackerConfig);
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
    readableFolder("conditioning_data_dir", values.conditioningDataDir);
    readableFile("in_json", values.inJson);
  }
  readableFile("sample_prompts", values.samplePrompts);
  if (!values.resumeFromHuggingface) readableFolder("resume", values.resume);
  needs("resume_from_huggingface", values.resumeFromHuggingface, "resume", values.resume !== null);
  checkUploads(values);
}

/** The folders a run writes into are tried before it starts. */
export function makeFolders(
  values: Pick<TrainingConfig, "outputDir" | "outputName" | "loggingDir">,
): void {
  // a name may lead into a folder below
  writableFolder("output_dir", dirname(join(values.outputDir, values.outputName ?? "name")));
  if (values.loggingDir !== null) writableFolder("logging_dir", values.loggingDir);
}

function checkContradictions(values: TrainingConfig): void {
  const given = (x: unknown) => x !== null && x !== false;
  exclusive(
    "v_pred_like_loss",
    Boolean(values.vPredLikeLoss),
    "v_parameterization",
    values.vParameterization,
  );
  const cached = cachesLatents(values);
  exclusive("cache_latents", cached, "color_aug", values.colorAug);
  exclusive("cache_latents", cached, "random_crop", values.randomCrop);
  exclusive("cache_latents", cached, "train_inpainting", values.trainInpainting);
  needs("adaptive_noise_scale", given(values.adaptiveNoiseScale), "noise_offset", given(values.noiseOffset));
  needs(
    "scale_v_pred_loss_like_noise_pred",
    values.scaleVPredLossLikeNoisePred,
    "v_parameterization",
    values.vParameterization,
  );
  needs("log_with", given(values.logWith), "logging_dir", given(values.loggingDir));
  const { use8bitAdam, useLionOptimizer } = values, typed = values.optimizerType !== "";
  exclusive("use_8bit_adam", use8bitAdam, "use_lion_optimizer", useLionOptimizer);
  exclusive("use_8bit_adam", use8bitAdam, "optimizer_type", typed);
  exclusive("use_lion_optimizer", useLionOptimizer, "optimizer_type", typed);
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
  values: Pick<TrainingConfig, "resolution" | "minBucketReso" | "maxBucketReso">,
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
