/**
 * The metadata of a trained LoRA, with the keys and spellings of sd-scripts: what A1111 and other programs show and
 * sort by. A pure function of a plain record that the training job fills in.
 */

import { pyFloat, pyJson, pyStr, type PyValue } from "./python_text.ts";
import { configDatasets, flagDataset } from "./dataset_metadata.ts";
import { type ModelSpec, modelSpec } from "./model_spec.ts";

/** Everything that is known when training starts. Numbers named as floats are written as Python floats. */
export interface TrainingRecord {
  /** A random integer that all files of a run share. */
  sessionId: number;
  /** Unix time in seconds. */
  startedAt: number;
  outputName: string | null;
  learningRate: number | null; // float
  textEncoderLr: number | null; // float
  unetLr: number | null; // float
  /** With repeats. */
  numTrainImages: number;
  numRegImages: number;
  numBatchesPerEpoch: number;
  numEpochs: number;
  gradientCheckpointing: boolean;
  gradientAccumulationSteps: number;
  maxTrainSteps: number;
  lrWarmupSteps: number;
  lrScheduler: string;
  networkModule: string;
  /** null when the flag was not given. */
  networkDim: number | null;
  /** null when the flag was not given: its default is the integer 1. */
  networkAlpha: number | null; // float
  networkDropout: number | null; // float
  mixedPrecision: string;
  fullFp16: boolean;
  v2: boolean;
  vParameterization: boolean;
  sdxl: boolean;
  clipSkip: number | null;
  maxTokenLength: number | null;
  cacheLatents: boolean;
  seed: number | null;
  lowram: boolean;
  noiseOffset: number | null; // float
  multiresNoiseIterations: number | null;
  multiresNoiseDiscount: number; // float
  adaptiveNoiseScale: number | null; // float
  zeroTerminalSnr: boolean;
  trainingComment: string | null;
  /** Written where sd-scripts names its git commit. */
  commitHash: string;
  /** As sd-scripts names it: "torch.optim.adamw.AdamW". */
  optimizer: string;
  /** "weight_decay=0.1,betas=(0.9, 0.99)", empty where none were given. */
  optimizerArgs: string;
  maxGradNorm: number; // float
  captionDropoutRate: number; // float
  captionDropoutEveryNEpochs: number;
  captionTagDropoutRate: number; // float
  faceCropAugRange: string | null;
  priorLossWeight: number; // float
  minSnrGamma: number | null; // float
  scaleWeightNorms: number | null; // float
  ipNoiseGamma: number | null; // float
  debiasedEstimation: boolean;
  noiseOffsetRandomStrength: boolean;
  ipNoiseGammaRandomStrength: boolean;
  lossType: string;
  huberSchedule: string;
  huberC: number; // float
  /** The `given` of LoraOptions; null when --network_args was not given. */
  networkArgs: Readonly<Record<string, string | number | null>> | null;
  datasets: readonly DatasetRecord[];
  /** The flags that stand for the dataset where no --dataset_config is given; null where one is. */
  datasetFlags: DatasetFlags | null;
  /** The checkpoint; hashes are null where it is no local file. */
  model: FileRecord | null;
  vae: FileRecord | null;
  spec: Pick<
    ModelSpec,
    "title" | "author" | "description" | "license" | "tags" | "minTimestep" | "maxTimestep"
  >;
  /** --no_metadata: only what programs need to load the file. */
  noMetadata: boolean;
}

export interface FileRecord {
  /** Base name of a local file, the whole name otherwise. */
  name: string;
  /** A1111's short and long hash. */
  hash: string | null;
  sha256: string | null;
}

export interface DatasetRecord {
  dreambooth: boolean;
  batchSize: number;
  numTrainImages: number;
  numRegImages: number;
  /** [width, height]. */
  resolution: readonly [number, number];
  enableBucket: boolean;
  bucketNoUpscale: boolean;
  minBucketReso: number | null;
  maxBucketReso: number | null;
  /** Folder -> tag -> count, in the order in which they were met. */
  tagFrequency: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** null without buckets. */
  bucketInfo: {
    buckets: readonly { resolution: readonly [number, number]; count: number }[];
    meanImageAspectError: number;
  } | null;
  subsets: readonly SubsetRecord[];
}

export interface SubsetRecord {
  imageCount: number;
  numRepeats: number;
  colorAug: boolean;
  flipAug: boolean;
  randomCrop: boolean;
  shuffleCaption: boolean;
  keepTokens: number;
  keepTokensSeparator: string | null;
  secondarySeparator: string | null;
  enableWildcard: boolean;
  captionPrefix: string | null;
  captionSuffix: string | null;
  /** Base name of the folder; null where there is none (fine-tuning). */
  imageDir: string | null;
  /** DreamBooth only. */
  classTokens?: string | null;
  isReg?: boolean;
  /** Base name of the JSON file; fine-tuning only. */
  metadataFile?: string;
}

export interface DatasetFlags {
  trainBatchSize: number;
  totalBatchSize: number;
  /** [width, height]. */
  resolution: readonly [number, number] | null;
  colorAug: boolean;
  flipAug: boolean;
  randomCrop: boolean;
  shuffleCaption: boolean;
  keepTokens: number;
}

/** What changes from file to file. */
export interface SaveRecord {
  steps: number;
  epoch: number;
  /** Unix time in seconds, now. */
  finishedAt: number;
}

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
  const resolution = r.datasetFlags?.resolution ?? null;
  return {
    ...metadata,
    ...modelSpec({ ...r.spec, ...r, title: r.spec.title ?? r.outputName, resolution }, save.finishedAt),
  };
}

/** sd-scripts' name of the base model: sd_v1, sd_v2_v, sdxl_base_v1-0, ... */
export function baseModelVersion(r: Pick<TrainingRecord, "sdxl" | "v2" | "vParameterization">): string {
  if (r.sdxl) return "sdxl_base_v1-0";
  return `sd_v${r.v2 ? 2 : 1}${r.vParameterization ? "_v" : ""}`;
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
    ss_lr_warmup_steps: r.lrWarmupSteps,
    ss_lr_scheduler: r.lrScheduler,
    ss_network_module: r.networkModule,
    ss_network_dim: r.networkDim,
    ss_network_alpha: pyFloat(r.networkAlpha) ?? 1,
    ss_network_dropout: pyFloat(r.networkDropout),
    ss_mixed_precision: r.mixedPrecision,
    ss_full_fp16: r.fullFp16,
    ss_v2: r.v2,
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
    ss_optimizer: r.optimizer + (r.optimizerArgs ? `(${r.optimizerArgs})` : ""),
    ss_max_grad_norm: pyFloat(r.maxGradNorm),
    ss_caption_dropout_rate: pyFloat(r.captionDropoutRate),
    ss_caption_dropout_every_n_epochs: r.captionDropoutEveryNEpochs,
    ss_caption_tag_dropout_rate: pyFloat(r.captionTagDropoutRate),
    ss_face_crop_aug_range: r.faceCropAugRange,
    ss_prior_loss_weight: pyFloat(r.priorLossWeight),
    ss_min_snr_gamma: pyFloat(r.minSnrGamma),
    ss_scale_weight_norms: pyFloat(r.scaleWeightNorms),
    ss_ip_noise_gamma: pyFloat(r.ipNoiseGamma),
    ss_debiased_estimation: r.debiasedEstimation,
    ss_noise_offset_random_strength: r.noiseOffsetRandomStrength,
    ss_ip_noise_gamma_random_strength: r.ipNoiseGammaRandomStrength,
    ss_loss_type: r.lossType,
    ss_huber_schedule: r.huberSchedule,
    ss_huber_c: pyFloat(r.huberC),
  };
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
