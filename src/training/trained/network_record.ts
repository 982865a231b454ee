/** What a LoRA run tells about itself in its files: the configuration and what only the run knows, as one record. */
import { cachesLatents } from "../../data/dataset/options.ts";
import { networkModule } from "../../networks/options.ts";
import type { Dataset } from "../../data/mod.ts";
import {
  datasetRecord,
  type FileRecord,
  type LoraOptions,
  networkNamed,
  pyFloat,
  pyStr,
  type TrainingRecord,
} from "../../networks/mod.ts";
import type { Family } from "../../models/mod.ts";
import { flagResolution, modelTexts } from "./model_texts.ts";
import type { TrainNetworkConfig } from "../options.ts";
import { recordedOptimizer } from "../optimizers/mod.ts";
import { chosenOptimizer, optimizerType } from "../optimizers/options.ts";

export interface RunFacts {
  /** A random integer that all files of the run share. */
  readonly sessionId: number;
  /** Unix time in seconds. */
  readonly startedAt: number;
  readonly family: Family;
  readonly seed: number;
  readonly datasets: readonly Dataset[];
  /** What is held out, where something is. */
  readonly heldOut?: readonly Dataset[] | null;
  readonly numBatchesPerEpoch: number;
  readonly numEpochs: number;
  /** After --max_train_epochs. */
  readonly maxTrainSteps: number;
  readonly options: LoraOptions;
  readonly model: FileRecord;
  readonly vae: FileRecord | null;
  /** null: the flag's default. Where absent, 1 is taken for the default. */
  readonly networkAlpha?: number | null;
}

export function networkRecord(config: TrainNetworkConfig, facts: RunFacts): TrainingRecord {
  const optimizer = recordedOptimizer(optimizerType(config), config.optimizerArgs);
  const { ownRate } = chosenOptimizer(config), module = networkModule(config.networkModule);
  const datasets = facts.datasets.map(datasetRecord);
  const sum = (of: (d: Dataset) => number, all = facts.datasets) => all.reduce((n, d) => n + of(d), 0);
  return {
    ...config,
    ...facts,
    ...ownRate ? ownRates(config) : {},
    networkAlpha: facts.networkAlpha ?? (config.networkAlpha === 1 ? null : config.networkAlpha),
    numTrainImages: sum((d) => d.trainImages),
    numRegImages: sum((d) => d.regImages),
    networkModule: module,
    scaleWeightNorms: config.scaleWeightNorms && networkNamed(module).limitsNoNorms
      ? false
      : config.scaleWeightNorms,
    cacheLatents: cachesLatents(config),
    lowram: false,
    commitHash: "(unknown)",
    optimizer: optimizer.name,
    optimizerArgs: optimizer.args,
    debiasedEstimation: config.debiasedEstimationLoss,
    networkArgs: config.networkArgs ? facts.options.given : null,
    datasets,
    validation: facts.heldOut == null
      ? null
      : { ...config, numImages: sum((d) => d.trainImages, facts.heldOut) },
    datasetFlags: config.datasetConfig ? null : {
      ...config,
      totalBatchSize: config.trainBatchSize * config.gradientAccumulationSteps,
      resolution: facts.datasets[0].params.resolution,
    },
    spec: {
      ...modelTexts(config),
      resolution: flagResolution(config) ??
        (config.datasetConfig ? null : facts.datasets[0].params.resolution),
      minTimestep: config.minTimestep,
      maxTimestep: config.maxTimestep,
    },
  };
}

/** sd-scripts forgets the rates that Adafactor's own take the place of. */
function ownRates({ learningRate }: TrainNetworkConfig) {
  const base = pyStr(pyFloat(learningRate));
  return { learningRate: null, unetLr: null, textEncoderLr: null, lrScheduler: `adafactor:${base}` };
}
