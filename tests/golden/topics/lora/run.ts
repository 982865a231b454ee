/** Whole runs, as far as they do not depend on losses: which files, with which keys and dtypes, and all metadata. */

import { basename, join } from "node:path";
import { Image } from "imagescript";
import { createDatasetGroup, type DatasetGroup, planDatasets } from "../../../../src/data/mod.ts";
import { fileSha256, legacyHash } from "../../../../src/formats/model_hash.ts";
import { type TensorToWrite, writeSafetensors } from "../../../../src/formats/safetensors.ts";
import {
  type FileRecord,
  initialWeights,
  loraModules,
  loraOptions,
  loraTensors,
  saveDtype,
  type SaveRecord,
  trainingMetadata,
} from "../../../../src/networks/mod.ts";
import { PythonRandom, TorchGenerator } from "../../../../src/random/mod.ts";
import type { TrainNetworkConfig } from "../../../../src/training/options.ts";
import { networkRecord } from "../../../../src/training/trained/network_record.ts";
import { type Moment, saveName } from "../../../../src/training/loop/save_names.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { exact } from "../../compare.ts";
import { synthTensor } from "../../synth.ts";
import { caseModel, type SynthModel } from "../../synth_models.ts";
import { readTrainArgs } from "../../train_args.ts";

const TORCH: Record<string, string> = { F32: "float32", F16: "float16", BF16: "bfloat16", I64: "int64" };

export async function run(c: GoldenCase): Promise<Check[]> {
  const dir = Deno.makeTempDirSync();
  try {
    return await inFolder(c, dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

async function inFolder({ json }: GoldenCase, dir: string): Promise<Check[]> {
  const args: string[] = json.args.map((arg: string) => arg.replace("<dir>", dir));
  const { config } = readTrainArgs(args);
  const model = caseModel({ model: String(json.what).startsWith("sdxl") ? "sdxl-tiny" : "sd1-tiny" });
  await makeImages(json, dir, config);
  const group = await createDatasetGroup(planDatasets(config), new PythonRandom(0), { compat: true });
  const networkAlpha = args.includes("--network_alpha") ? config.networkAlpha : null;
  const flags = {
    dim: config.networkDim,
    alpha: networkAlpha,
    dropout: config.networkDropout,
    args: config.networkArgs,
  };
  const options = loraOptions(flags, model.family.sites.blocks, true);
  const length = schedule(config, group);
  const record = networkRecord(config, {
    ...{ sessionId: 1, startedAt: 1.5, seed: config.seed!, family: model.family, options, networkAlpha },
    ...{ datasets: group.datasets, model: modelFile(json, config), vae: null, ...length },
  });
  const files = saves(config, length);
  const dates = { finishedAt: 2.5 };
  const metadataOf = (save: Omit<SaveRecord, "finishedAt">) =>
    trainingMetadata(record, { ...save, ...dates });
  const volatile: string[] = json.volatile_keys;
  const keys = Object.keys(json.metadata).filter((key) => !key.startsWith("sshs_")).sort();
  const last = metadataOf(files.at(-1)!);
  return [
    exact("file keys", tensorTable(model, config, options), json.file_keys),
    exact("files", files.map(({ name }) => name).sort(), [...json.output_files].sort()),
    exact("metadata keys", Object.keys(last).sort(), keys),
    ...keys.filter((key) => !volatile.includes(key)).map((key) => exact(key, last[key], json.metadata[key])),
    ...Object.entries(json.intermediate_files as Record<string, Record<string, string>>).map(
      ([name, some]) => {
        const all = metadataOf(files.find((file) => file.name === name) ?? { steps: NaN, epoch: NaN });
        return exact(name, Object.fromEntries(Object.keys(some).map((key) => [key, all[key]])), some);
      },
    ),
  ];
}

/** The images of the case's `train_dirs` in the sizes it gives; captions as the tag counts show them. */
// deno-lint-ignore no-explicit-any -- a case
async function makeImages(json: any, dir: string, config: TrainNetworkConfig): Promise<void> {
  const root = config.trainDataDir ?? dir;
  for (const [folder, images, captioned] of json.train_dirs) {
    Deno.mkdirSync(join(root, folder), { recursive: true });
    for (const [i, [name, width, height]] of images.entries()) {
      Deno.writeFileSync(join(root, folder, `${name}.png`), await new Image(width, height).encode());
      if (captioned) Deno.writeTextFileSync(join(root, folder, `${name}.txt`), `1girl, tag${i}, blue sky`);
    }
  }
  if (config.datasetConfig) {
    Deno.writeTextFileSync(config.datasetConfig, json.dataset_config.replaceAll("@DIR@", dir));
  }
}

/** The stand-in for a checkpoint, made by the case's rule, with its hashes. */
// deno-lint-ignore no-explicit-any -- a case
function modelFile(json: any, config: TrainNetworkConfig): FileRecord {
  const path = config.pretrainedModelNameOrPath;
  const [, name, key, shape] = /tensor '(\w+)' = synth\.tensor\('([^']+)',(\[[\d,]+\])\)/.exec(
    json.model_file.rule,
  )!;
  const values = synthTensor(key, JSON.parse(shape));
  const tensor: TensorToWrite = {
    name,
    dtype: "F32",
    shape: JSON.parse(shape),
    data: new Uint8Array(values.buffer),
  };
  writeSafetensors(path, [tensor]);
  return { name: basename(path), hash: legacyHash(path), sha256: fileSha256(path) };
}

interface Length {
  readonly numBatchesPerEpoch: number;
  readonly numEpochs: number;
  readonly maxTrainSteps: number;
}

function schedule(config: TrainNetworkConfig, group: DatasetGroup): Length {
  const numBatchesPerEpoch = group.orders.reduce((n, order) => n + order.length, 0);
  const steps = Math.ceil(numBatchesPerEpoch / config.gradientAccumulationSteps);
  const maxTrainSteps = config.maxTrainEpochs ? config.maxTrainEpochs * steps : config.maxTrainSteps;
  return { numBatchesPerEpoch, maxTrainSteps, numEpochs: Math.ceil(maxTrainSteps / steps) };
}

interface Saved {
  readonly name: string;
  readonly steps: number;
  readonly epoch: number;
}

/** Everything that a run of this length saves, the last file at the end. */
function saves(
  config: TrainNetworkConfig,
  { numBatchesPerEpoch, maxTrainSteps, numEpochs }: Length,
): Saved[] {
  const steps = Math.ceil(numBatchesPerEpoch / config.gradientAccumulationSteps);
  const name = (moment: Moment) => `${saveName(config, moment)}.safetensors`;
  const saved: Saved[] = [];
  const each = config.saveEveryNSteps;
  for (let step = each ?? Infinity; step <= maxTrainSteps; step += each!) {
    saved.push({ name: name({ step }), steps: step, epoch: Math.floor((step - 1) / steps) });
  }
  for (let epoch = 1; config.saveEveryNEpochs && epoch < numEpochs; epoch++) {
    if (epoch % config.saveEveryNEpochs === 0) {
      saved.push({ name: name({ epoch }), steps: epoch * steps, epoch });
    }
  }
  return [...saved, { name: name("last"), steps: maxTrainSteps, epoch: numEpochs }];
}

/** [key, torch dtype, shape] of everything in the file, in name order. */
function tensorTable(
  { shapes, family }: SynthModel,
  config: TrainNetworkConfig,
  options: ReturnType<typeof loraOptions>,
): [string, string, number[]][] {
  const modules = loraModules(shapes, family, options).filter(({ part }) =>
    !(config.networkTrainUnetOnly && part !== "unet") &&
    !(config.networkTrainTextEncoderOnly && part === "unet")
  );
  const weights = initialWeights(modules, new TorchGenerator(0));
  return loraTensors(modules, weights, saveDtype(config.savePrecision))
    .map(({ name, dtype, shape }): [string, string, number[]] => [name, TORCH[dtype], [...shape]])
    .sort(([a], [b]) => a < b ? -1 : 1);
}
