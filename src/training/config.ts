/**
 * What a training job is told, as plain data: sd-scripts' option names in camelCase with its types.
 * Command-line flags and TOML end in these objects; nobody changes them afterwards.
 */
import type { StepsOrRatio } from "../options/steps.ts";

export type MixedPrecision = "no" | "fp16" | "bf16";
export type SavePrecision = "float" | "fp16" | "bf16";

/** How a step draws noise and weighs its loss; shared by LoRA training and full training. */
export interface StepConfig {
  /** Seed of Python's, NumPy's and torch's generators; null draws one. */
  seed: number | null;
  vParameterization: boolean;
  zeroTerminalSnr: boolean;
  /** First timestep drawn, default 0. */
  minTimestep: number | null;
  /** One past the last timestep drawn, default 1000. */
  maxTimestep: number | null;
  noiseOffset: number | null;
  noiseOffsetRandomStrength: boolean;
  adaptiveNoiseScale: number | null;
  multiresNoiseIterations: number | null;
  multiresNoiseDiscount: number;
  ipNoiseGamma: number | null;
  ipNoiseGammaRandomStrength: boolean;
  lossType: string;
  huberSchedule: string;
  huberC: number;
  /** Factor on huber_c, v0.10.1 (ignored by the snr schedule). */
  huberScale: number;
  minSnrGamma: number | null;
  scaleVPredLossLikeNoisePred: boolean;
  vPredLikeLoss: number | null;
  debiasedEstimationLoss: boolean;
  maskedLoss: boolean;
  /** CLIP layer counted from the end, 1 the last; null the family's default. */
  clipSkip: number | null;
  /** 150 or 225; null is 75. */
  maxTokenLength: number | null;
  mixedPrecision: MixedPrecision;
  gradientCheckpointing: boolean;
  gradientAccumulationSteps: number;
  /** Gradients are scaled down to this norm; 0 leaves them alone. */
  maxGradNorm: number;
}

/** Optimizer and learning-rate schedule. */
export interface OptimizerConfig {
  optimizerType: string;
  optimizerArgs: string[] | null;
  learningRate: number;
  lrScheduler: string;
  lrSchedulerType: string | null;
  lrSchedulerArgs: string[] | null;
  lrWarmupSteps: StepsOrRatio;
  lrDecaySteps: StepsOrRatio;
  lrSchedulerNumCycles: number;
  lrSchedulerPower: number;
  lrSchedulerTimescale: number | null;
  lrSchedulerMinLrRatio: number | null;
  maxTrainSteps: number;
  maxTrainEpochs: number | null;
}

/** Where images and captions come from, and how they are cut. */
export interface DataConfig {
  trainDataDir: string | null;
  regDataDir: string | null;
  inJson: string | null;
  datasetConfig: string | null;
  datasetRepeats: number;
  /** "512" or "512,768" (width,height). */
  resolution: string | null;
  trainBatchSize: number;
  captionExtension: string;
  captionSeparator: string;
  shuffleCaption: boolean;
  keepTokens: number;
  keepTokensSeparator: string;
  secondarySeparator: string | null;
  enableWildcard: boolean;
  captionPrefix: string | null;
  captionSuffix: string | null;
  captionDropoutRate: number;
  captionDropoutEveryNEpochs: number;
  captionTagDropoutRate: number;
  tokenWarmupMin: number;
  tokenWarmupStep: number;
  colorAug: boolean;
  flipAug: boolean;
  faceCropAugRange: string | null;
  randomCrop: boolean;
  alphaMask: boolean;
  enableBucket: boolean;
  minBucketReso: number;
  maxBucketReso: number;
  bucketResoSteps: number;
  bucketNoUpscale: boolean;
  cacheLatents: boolean;
  cacheLatentsToDisk: boolean;
  vaeBatchSize: number;
  priorLossWeight: number;
  weightedCaptions: boolean;
  /** Imitated with `compat`, at most as many as there are CPUs. */
  maxDataLoaderNWorkers: number;
  persistentDataLoaderWorkers: boolean;
}

/** What is written, where and when. */
export interface OutputConfig {
  outputDir: string;
  outputName: string | null;
  savePrecision: SavePrecision | null;
  saveEveryNEpochs: number | null;
  saveEveryNSteps: number | null;
  saveNEpochRatio: number | null;
  saveLastNEpochs: number | null;
  saveLastNSteps: number | null;
  saveLastNEpochsState: number | null;
  saveLastNStepsState: number | null;
  saveState: boolean;
  saveStateOnTrainEnd: boolean;
  /** A state folder to continue from. */
  resume: string | null;
  noMetadata: boolean;
  trainingComment: string | null;
  metadataTitle: string | null;
  metadataAuthor: string | null;
  metadataDescription: string | null;
  metadataLicense: string | null;
  metadataTags: string | null;
  loggingDir: string | null;
  logPrefix: string | null;
  logTrackerName: string | null;
  samplePrompts: string | null;
  sampleSampler: string;
  sampleEveryNSteps: number | null;
  sampleEveryNEpochs: number | null;
  sampleAtFirst: boolean;
}

/** The model, and where to compute. */
export interface PlaceConfig {
  pretrainedModelNameOrPath: string;
  vae: string | null;
  textEncoder: string | null;
  clipL: string | null;
  clipG: string | null;
  v2: boolean;
  /** null: whatever the checkpoint is. true: refuse anything but SDXL (sdxl_train_network). */
  sdxl: boolean | null;
  noHalfVae: boolean;
  /** "0.9.1" reproduces the reference where it is plainly wrong; null does the right thing. */
  compat: string | null;
  /** null: "one" with `compat` where a network is drawn from the seed, else "fresh"; see OpenedRun. */
  generator: string | null;
  /** "auto" or "cpu". */
  device: string;
  /** Worker threads; 0 is one for each core. */
  threads: number;
  /** Bytes the run may use, null: whatever the device has. */
  vramBudget: number | null;
  noVendorLibs: boolean;
}

/** `easel fine_tune`. */
export interface FineTuneConfig extends StepConfig, OptimizerConfig, DataConfig, OutputConfig, PlaceConfig {
  trainTextEncoder: boolean;
  /** Learning rate of the text encoders; null is that of the U-Net. */
  learningRateTe: number | null;
  /** Decay of a running average of the weights, which is then what is saved; null saves the weights themselves. */
  emaDecay: number | null;
}

/** `easel train_vae`. */
export interface TrainVaeConfig extends StepConfig, OptimizerConfig, DataConfig, OutputConfig, PlaceConfig {
  /** Weight of the KL divergence per latent value. */
  klWeight: number;
  /** Weight of the loss on differences between neighbouring pixels; 0 leaves it out. */
  edgeWeight: number;
  /** Decay of a running average of the weights, which is then what is saved; null saves the weights themselves. */
  emaDecay: number | null;
  /** Scale and shift latents at the end so that they fill the U-Net's range. */
  standardizeLatents: boolean;
  /** Train the decoder alone. */
  decoderOnly: boolean;
}

/** `easel train_network`. */
export interface TrainNetworkConfig
  extends StepConfig, OptimizerConfig, DataConfig, OutputConfig, PlaceConfig {
  networkModule: string;
  networkDim: number | null;
  networkAlpha: number;
  networkDropout: number | null;
  networkArgs: string[] | null;
  networkWeights: string | null;
  dimFromWeights: boolean;
  networkTrainUnetOnly: boolean;
  networkTrainTextEncoderOnly: boolean;
  unetLr: number | null;
  textEncoderLr: number | null;
  scaleWeightNorms: number | null;
  /** LoRA files merged into the model first, and how strongly; 1 where a multiplier is missing. */
  baseWeights: string[] | null;
  baseWeightsMultiplier: number[] | null;
}
