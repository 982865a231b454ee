/** What the metadata of a trained LoRA is made from: plain records that the training job fills in. */

import type { Family } from "../../models/mod.ts";
import type { ModelSpec, ModelTexts } from "./model_spec.ts";

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
  /** Steps, or a share of all steps. */
  lrWarmupSteps: { readonly steps: number } | { readonly ratio: number };
  lrScheduler: string;
  networkModule: string;
  /** null when the flag was not given. */
  networkDim: number | null;
  /** null when the flag was not given: its default is the integer 1. */
  networkAlpha: number | null; // float
  networkDropout: number | null; // float
  mixedPrecision: string;
  fullFp16: boolean;
  family: Family;
  vParameterization: boolean;
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
  /** --optimizer_args as given: "weight_decay=0.1", "betas=0.9,0.99". */
  optimizerArgs: readonly string[];
  maxGradNorm: number; // float
  captionDropoutRate: number; // float
  captionDropoutEveryNEpochs: number;
  captionTagDropoutRate: number; // float
  faceCropAugRange: string | null;
  priorLossWeight: number; // float
  minSnrGamma: number | null; // float
  scaleWeightNorms: number | false | null; // float; false: the network has no norms to limit
  ipNoiseGamma: number | null; // float
  debiasedEstimation: boolean;
  noiseOffsetRandomStrength: boolean;
  ipNoiseGammaRandomStrength: boolean;
  lossType: string;
  huberSchedule: string;
  huberC: number; // float
  /** Of sd-scripts 0.10.1: null where pictures are resized as 0.9.1 does. */
  resizeInterpolation: string | null;
  /** Of sd-scripts 0.10.1: null where no pictures are held out. */
  validation: ValidationRecord | null;
  /** The `given` of LoraOptions; null when --network_args was not given. */
  networkArgs: Readonly<Record<string, string | number | null>> | null;
  datasets: readonly DatasetRecord[];
  /** The flags that stand for the dataset where no --dataset_config is given; null where one is. */
  datasetFlags: RecordedFlags | null;
  /** The checkpoint; hashes are null where it is no local file. */
  model: FileRecord | null;
  vae: FileRecord | null;
  spec: ModelTexts & Pick<ModelSpec, "resolution" | "minTimestep" | "maxTimestep">;
  /** --no_metadata: only what programs need to load the file. */
  noMetadata: boolean;
}

export interface ValidationRecord {
  /** With repeats. */
  numImages: number;
  /** Of all datasets that do not say otherwise. */
  validationSplit: number; // float
  validationSeed: number | null;
  maxValidationSteps: number | null;
  validateEveryNEpochs: number | null;
  validateEveryNSteps: number | null;
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
  /** Of sd-scripts 0.10.1; absent where none is named. */
  resizeInterpolation?: string;
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

export interface RecordedFlags {
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
