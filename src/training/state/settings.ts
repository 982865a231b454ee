/**
 * The settings that a state remembers, and which of them a run that goes on from it may change. What would make the
 * result wrong must be the same: other random numbers, other images, another model or another network. All else is the
 * user's wish and is told.
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { modelPath } from "../../base/assets.ts";
import { UsageError } from "../../base/errors.ts";
import type { DatasetGroup } from "../../data/mod.ts";
import { sampleHash } from "../../formats/mod.ts";
import type { FineTuneConfig, TrainNetworkConfig } from "../config.ts";
import type { RunLength } from "../loop/run_length.ts";
import type { RunSettings, Settings } from "./format.ts";

type Config = TrainNetworkConfig & FineTuneConfig;

/** "same": must not change. "wish": may, and is told. "never": says where and how to compute, or is checked otherwise. */
const RULES: Readonly<Record<keyof Config, "same" | "wish" | "never">> = {
  seed: "same",
  generator: "same",
  vParameterization: "same",
  zeroTerminalSnr: "same",
  minTimestep: "wish",
  maxTimestep: "wish",
  noiseOffset: "wish",
  noiseOffsetRandomStrength: "wish",
  adaptiveNoiseScale: "wish",
  multiresNoiseIterations: "wish",
  multiresNoiseDiscount: "wish",
  ipNoiseGamma: "wish",
  ipNoiseGammaRandomStrength: "wish",
  lossType: "wish",
  huberSchedule: "wish",
  huberC: "wish",
  huberScale: "wish",
  minSnrGamma: "wish",
  scaleVPredLossLikeNoisePred: "wish",
  vPredLikeLoss: "wish",
  debiasedEstimationLoss: "wish",
  maskedLoss: "wish",
  clipSkip: "same",
  maxTokenLength: "wish",
  mixedPrecision: "wish",
  gradientCheckpointing: "wish",
  gradientAccumulationSteps: "same",
  maxGradNorm: "wish",
  optimizerType: "same",
  optimizerArgs: "wish",
  learningRate: "wish",
  lrScheduler: "wish",
  lrSchedulerType: "wish",
  lrSchedulerArgs: "wish",
  lrWarmupSteps: "wish",
  lrDecaySteps: "wish",
  lrSchedulerNumCycles: "wish",
  lrSchedulerPower: "wish",
  lrSchedulerTimescale: "wish",
  lrSchedulerMinLrRatio: "wish",
  maxTrainSteps: "wish",
  maxTrainEpochs: "wish",
  trainDataDir: "wish",
  regDataDir: "wish",
  inJson: "wish",
  datasetConfig: "wish",
  datasetRepeats: "wish",
  resolution: "wish",
  trainBatchSize: "same",
  captionExtension: "wish",
  captionSeparator: "wish",
  shuffleCaption: "wish",
  keepTokens: "wish",
  keepTokensSeparator: "wish",
  secondarySeparator: "wish",
  enableWildcard: "wish",
  captionPrefix: "wish",
  captionSuffix: "wish",
  captionDropoutRate: "wish",
  captionDropoutEveryNEpochs: "wish",
  captionTagDropoutRate: "wish",
  tokenWarmupMin: "wish",
  tokenWarmupStep: "wish",
  colorAug: "wish",
  flipAug: "wish",
  faceCropAugRange: "wish",
  randomCrop: "wish",
  alphaMask: "wish",
  enableBucket: "wish",
  minBucketReso: "wish",
  maxBucketReso: "wish",
  bucketResoSteps: "wish",
  bucketNoUpscale: "wish",
  cacheLatents: "wish",
  cacheLatentsToDisk: "wish",
  vaeBatchSize: "wish",
  priorLossWeight: "wish",
  weightedCaptions: "wish",
  maxDataLoaderNWorkers: "wish",
  persistentDataLoaderWorkers: "wish",
  outputDir: "wish",
  outputName: "wish",
  savePrecision: "wish",
  saveEveryNEpochs: "wish",
  saveEveryNSteps: "wish",
  saveNEpochRatio: "wish",
  saveLastNEpochs: "wish",
  saveLastNSteps: "wish",
  saveLastNEpochsState: "wish",
  saveLastNStepsState: "wish",
  saveState: "wish",
  saveStateOnTrainEnd: "wish",
  resume: "never",
  noMetadata: "wish",
  trainingComment: "wish",
  metadataTitle: "wish",
  metadataAuthor: "wish",
  metadataDescription: "wish",
  metadataLicense: "wish",
  metadataTags: "wish",
  loggingDir: "wish",
  logPrefix: "wish",
  logTrackerName: "wish",
  samplePrompts: "wish",
  sampleSampler: "wish",
  sampleEveryNSteps: "wish",
  sampleEveryNEpochs: "wish",
  sampleAtFirst: "wish",
  pretrainedModelNameOrPath: "wish",
  vae: "wish",
  textEncoder: "wish",
  clipL: "wish",
  clipG: "wish",
  v2: "never",
  sdxl: "never",
  networkModule: "same",
  networkDim: "same",
  networkAlpha: "same",
  networkDropout: "wish",
  networkArgs: "same",
  networkWeights: "wish",
  dimFromWeights: "same",
  networkTrainUnetOnly: "same",
  networkTrainTextEncoderOnly: "same",
  unetLr: "wish",
  textEncoderLr: "wish",
  scaleWeightNorms: "wish",
  baseWeights: "wish",
  baseWeightsMultiplier: "wish",
  noHalfVae: "wish",
  compat: "same",
  device: "never",
  threads: "never",
  vramBudget: "never",
  noVendorLibs: "never",
  trainTextEncoder: "same",
  learningRateTe: "wish",
  emaDecay: "wish",
};

/** Flags that say the same in two ways. */
const SAME_AS: { readonly [Name in keyof Config]?: (value: Config[Name]) => unknown } = {
  optimizerType: (type) => type.replace(/^torch\.optim\./i, "").toLowerCase() || "adamw",
  networkDim: (dim) => dim ?? 4,
  networkArgs: (args) => args ?? [],
};

/** What settings of a run are derived from. */
export interface SettledRun {
  readonly seed: number;
  readonly length: RunLength;
  readonly group: DatasetGroup;
}

/** `config` may lack what its command does not know. */
export function describeSettings(
  config: Partial<Config>,
  run: SettledRun,
): RunSettings {
  const of = (rule: "same" | "wish") =>
    Object.fromEntries(
      (Object.keys(RULES) as (keyof Config)[])
        .filter((name) => RULES[name] === rule && config[name] !== undefined)
        .map((name) => [flagOf(name), shown(normal(config, name))]),
    );
  return {
    fingerprint: {
      ...of("same"),
      "--seed": String(run.seed),
      ...describeFiles(config),
      ...describeImages(run),
    },
    settings: of("wish"),
  };
}

function normal<Name extends keyof Config>(config: Partial<Config>, name: Name): unknown {
  const value = config[name]!, same = SAME_AS[name];
  return same ? same(value) : value;
}

/** Files by what is in them, since they may have moved. */
function describeFiles(config: Partial<Config>): Settings {
  const { pretrainedModelNameOrPath: model, baseWeights, baseWeightsMultiplier, networkWeights } = config;
  const hash = (path: string) => sampleHash(modelPath(path));
  const base = baseWeights?.map((path, i) => `${hash(path)}*${baseWeightsMultiplier?.[i] ?? 1}`);
  return {
    "the model's hash": model ? hash(model) : "none",
    "the hash of --vae": config.vae ? hash(config.vae) : "none",
    ...(config.textEncoder && { "the hash of --text_encoder": hash(config.textEncoder) }),
    ...(config.clipL && { "the hash of --clip_l": hash(config.clipL) }),
    ...(config.clipG && { "the hash of --clip_g": hash(config.clipG) }),
    "the hashes of --base_weights": base?.join(" ") || "none",
    // its ranks and alphas are the network's
    ...(config.dimFromWeights && networkWeights && { "the hash of --network_weights": hash(networkWeights) }),
  };
}

function describeImages({ group: { datasets }, length }: SettledRun): Settings {
  const layout = datasets.map(({ entries, buckets, params }) => ({
    images: entries.map(({ path, repeats, bucket }) => [basename(path), repeats, bucket]),
    buckets,
    batch: params.batch_size,
  }));
  return {
    "the number of images": String(datasets.reduce((sum, { entries }) => sum + entries.length, 0)),
    "the batches of an epoch": String(length.batchesPerEpoch),
    "the hash of the images' names, repeats and buckets": createHash("sha256").update(JSON.stringify(layout))
      .digest("hex").slice(0, 12),
  };
}

/** A text for each setting that both have and that differs. */
export function differences(saved: Settings, now: Settings): string[] {
  return Object.keys(now)
    .filter((name) => Object.hasOwn(saved, name) && saved[name] !== now[name])
    .map((name) => `${name} ${saved[name]} (now ${now[name]})`);
}

/** Throws UsageError naming everything that must be the same and is not. */
export function refuseOthers(path: string, saved: RunSettings, now: RunSettings): void {
  const wrong = differences(saved.fingerprint, now.fingerprint);
  if (wrong.length === 0) return;
  const wishes = differences(saved.settings, now.settings);
  const also = wishes.length ? `; what may change and did: ${wishes.join(", ")}` : "";
  throw new UsageError(
    `${path}: was saved with ${wrong.join(", ")}; give the same, or begin anew without --resume${also}`,
  );
}

const flagOf = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;

function shown(value: unknown): string {
  if (value === null || value === "") return "none";
  if (Array.isArray(value)) return value.map(shown).join(" ") || "none";
  // steps, or a share of all
  if (typeof value === "object") return Object.values(value).map(shown).join(" ");
  return String(value);
}
