/** A run of `easel train_network`: a LoRA on a model, and the file with all its metadata. */
import { basename } from "node:path";
import { modelPath } from "../base/assets.ts";
import type { JobContext } from "../base/job.ts";
import { counted } from "../base/phrases.ts";
import { fileSha256, legacyHash } from "../formats/mod.ts";
import { type FileRecord, loraAdapter, saveDtype, saveLora, trainingMetadata } from "../networks/mod.ts";
import { loadMerged, openBaseNetworks } from "./base_networks.ts";
import type { TrainNetworkConfig } from "./config.ts";
import { networkRecord } from "./network_record.ts";
import { setUpNetwork } from "./network_setup.ts";
import { type LoraNetwork, networkShapes, networkTraining } from "./network_training.ts";
import { assembleRun, closingOnError, drawingModel, type OpenedRun, openRun } from "./open_run.ts";
import type { TrainingRun } from "./trainer.ts";

export async function openNetworkRun(config: TrainNetworkConfig, context: JobContext): Promise<TrainingRun> {
  const opened = await openRun(config, context);
  const { file, store, length, seed } = opened;
  const { network, under } = closingOnError(opened, () => ({
    network: setUpNetwork(config, file, seed, context.warn),
    under: openBaseNetworks(config, file, context.warn),
  }));
  for (const { path, multiplier } of under) {
    context.log(`merging ${path} into the model, times ${multiplier}`);
  }
  const load = under.length > 0 ? loadMerged(under, file, store, context) : undefined;
  const metadata = metadataWriter(config, opened, network);
  return await assembleRun(config, opened, {
    name: "network_train",
    what: counted(network.modules.length, "LoRA module"),
    drawing: drawingModel(config, opened, { adapter: () => loraAdapter(network.modules), load }),
    training: () => {
      const model = { family: file.family, shapes: file.shapes, file };
      return networkTraining(store, model, network, { ...config, maxTrainSteps: length.steps }, { load });
    },
    saveModel(_training, path, steps, epoch) {
      // of all modules: one whose rate is 0 is in no group, and --scale_weight_norms may have changed it even so
      const keys = [...networkShapes(network.modules).keys()];
      const weights = new Map(keys.map((key) => [key, store.download(key)]));
      saveLora(path, network.modules, weights, saveDtype(config.savePrecision), metadata(steps, epoch));
    },
  }, context);
}

function metadataWriter(config: TrainNetworkConfig, run: OpenedRun, network: LoraNetwork) {
  const { file, group, length, seed } = run;
  const record = networkRecord(config, {
    ...run.session,
    model: fileRecord(modelPath(config.pretrainedModelNameOrPath)),
    vae: config.vae === null ? null : fileRecord(modelPath(config.vae)),
    family: file.family,
    seed,
    datasets: group.datasets,
    numBatchesPerEpoch: length.batchesPerEpoch,
    numEpochs: length.epochs,
    maxTrainSteps: length.steps,
    options: network.options,
  });
  return (steps: number, epoch: number) =>
    trainingMetadata(record, { steps, epoch, finishedAt: Date.now() / 1000 });
}

function fileRecord(path: string): FileRecord {
  return { name: basename(path), hash: legacyHash(path), sha256: fileSha256(path) };
}
