/**
 * The metadata of a trained LoRA, with the keys and spellings of sd-scripts: what A1111 and other programs show and
 * sort by. A pure function of a plain record that the training job fills in.
 */

import { readLiteral, strOf } from "../../text/python_literal.ts";
import { pyFloat, pyJson, pyStr, type PyValue } from "./python_text.ts";
import { configDatasets, flagDataset } from "./dataset_metadata.ts";
import { modelSpec } from "./model_spec.ts";
import type { FileRecord, SaveRecord, TrainingRecord } from "./training_record.ts";

const MINIMUM = [
  "ss_v2",
  "ss_base_model_version",
  "ss_network_module",
  "ss_network_dim",
  "ss_network_alpha",
  "ss_network_args",
];

/** All metadata of one file but the two sshs hashes, which come from its bytes. */
export function trainingMetadata(r: TrainingRecord, save: SaveRecord): Record<string, string> {
  const all: Record<string, PyValue> = {
    ...settings(r),
    ...(r.datasetFlags ? flagDataset(r, r.datasetFlags) : configDatasets(r.datasets)),
    ...(r.networkArgs ? { ss_network_args: pyJson(floats(r.networkArgs)) } : {}),
    ...fileEntries("ss_sd_model", "ss_new_sd_model", r.model),
    ...fileEntries("ss_vae", "ss_new_vae", r.vae),
    ss_training_finished_at: pyFloat(save.finishedAt),
    ss_steps: save.steps,
    ss_epoch: save.epoch,
  };
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(all)) {
    if (!r.noMetadata || MINIMUM.includes(key)) metadata[key] = pyStr(value);
  }
  return {
    ...metadata,
    ...modelSpec({ ...r.spec, ...r, resolution: r.spec.resolution }, save.finishedAt),
  };
}

/** sd-scripts' name of the base model: sd_v1, sd_v2_v, sdxl_base_v1-0, ... */
export function baseModelVersion(
  { family, vParameterization }: Pick<TrainingRecord, "family" | "vParameterization">,
): string {
  return family.spec.baseModelVersion(vParameterization);
}

function settings(r: TrainingRecord): Record<string, PyValue> {
  return {
    ss_session_id: r.sessionId,
    ss_training_started_at: pyFloat(r.startedAt),
    ss_output_name: r.outputName,
    ss_learning_rate: pyFloat(r.learningRate),
    ss_text_encoder_lr: pyFloat(r.textEncoderLr),
    ss_unet_lr: pyFloat(r.unetLr),
    ss_num_train_images: r.numTrainImages,
    ss_num_reg_images: r.numRegImages,
    ss_num_batches_per_epoch: r.numBatchesPerEpoch,
    ss_num_epochs: r.numEpochs,
    ss_gradient_checkpointing: r.gradientCheckpointing,
    ss_gradient_accumulation_steps: r.gradientAccumulationSteps,
    ss_max_train_steps: r.maxTrainSteps,
    ss_lr_warmup_steps: "steps" in r.lrWarmupSteps ? r.lrWarmupSteps.steps : pyFloat(r.lrWarmupSteps.ratio),
    ss_lr_scheduler: r.lrScheduler,
    ss_network_module: r.networkModule,
    ss_network_dim: r.networkDim,
    ss_network_alpha: pyFloat(r.networkAlpha) ?? 1,
    ss_network_dropout: pyFloat(r.networkDropout),
    ss_mixed_precision: r.mixedPrecision,
    ss_full_fp16: r.fullFp16,
    ss_v2: r.family.flag === "v2",
    ss_base_model_version: baseModelVersion(r),
    ss_clip_skip: r.clipSkip,
    ss_max_token_length: r.maxTokenLength,
    ss_cache_latents: r.cacheLatents,
    ss_seed: r.seed,
    ss_lowram: r.lowram,
    ss_noise_offset: pyFloat(r.noiseOffset),
    ss_multires_noise_iterations: r.multiresNoiseIterations,
    ss_multires_noise_discount: pyFloat(r.multiresNoiseDiscount),
    ss_adaptive_noise_scale: pyFloat(r.adaptiveNoiseScale),
    ss_zero_terminal_snr: r.zeroTerminalSnr,
    ss_training_comment: r.trainingComment,
    ss_sd_scripts_commit_hash: r.commitHash,
    ss_optimizer: r.optimizer + optimizerArgs(r.optimizerArgs),
    ss_max_grad_norm: pyFloat(r.maxGradNorm),
    ss_caption_dropout_rate: pyFloat(r.captionDropoutRate),
    ss_caption_dropout_every_n_epochs: r.captionDropoutEveryNEpochs,
    ss_caption_tag_dropout_rate: pyFloat(r.captionTagDropoutRate),
    ss_face_crop_aug_range: r.faceCropAugRange?.split(",").map((end) => pyFloat(Number(end))) ?? null,
    ss_prior_loss_weight: pyFloat(r.priorLossWeight),
    ss_min_snr_gamma: pyFloat(r.minSnrGamma),
    ss_scale_weight_norms: r.scaleWeightNorms === false ? false : pyFloat(r.scaleWeightNorms),
    ss_ip_noise_gamma: pyFloat(r.ipNoiseGamma),
    ss_debiased_estimation: r.debiasedEstimation,
    ss_noise_offset_random_strength: r.noiseOffsetRandomStrength,
    ss_ip_noise_gamma_random_strength: r.ipNoiseGammaRandomStrength,
    ss_loss_type: r.lossType,
    ss_huber_schedule: r.huberSchedule,
    ss_huber_c: pyFloat(r.huberC),
    ...laterSettings(r),
  };
}

/** What sd-scripts 0.10.1 writes besides, where it is used. */
function laterSettings(
  { resizeInterpolation, validation }: Pick<TrainingRecord, "resizeInterpolation" | "validation">,
): Record<string, PyValue> {
  return {
    ...resizeInterpolation === null ? {} : { ss_resize_interpolation: resizeInterpolation },
    ...validation && {
      ss_num_validation_images: validation.numImages,
      ss_validation_seed: validation.validationSeed,
      ss_validation_split: pyFloat(validation.validationSplit),
      ss_max_validation_steps: validation.maxValidationSteps,
      ss_validate_every_n_epochs: validation.validateEveryNEpochs,
      ss_validate_every_n_steps: validation.validateEveryNSteps,
    },
  };
}

function optimizerArgs(given: readonly string[]): string {
  const shown = given.map((arg) => {
    const at = arg.indexOf("=");
    return `${arg.slice(0, at).trim()}=${strOf(readLiteral(arg.slice(at + 1)))}`;
  });
  return shown.length > 0 ? `(${shown.join(",")})` : "";
}

function fileEntries(prefix: string, newPrefix: string, file: FileRecord | null): Record<string, PyValue> {
  if (!file) return {};
  return {
    ...(file.hash === null ? {} : { [`${prefix}_hash`]: file.hash }),
    ...(file.sha256 === null ? {} : { [`${newPrefix}_hash`]: file.sha256 }),
    [`${prefix}_name`]: file.name,
  };
}

/** --network_args hold strings; the number that may be among them is a Python float. */
function floats(given: Readonly<Record<string, string | number | null>>): PyValue {
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [key, typeof value === "number" ? pyFloat(value) : value]),
  );
}
