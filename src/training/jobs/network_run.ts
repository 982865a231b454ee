/** A run of `easel train_network`: a LoRA on a model, and the file with all its metadata. */
import { frozenDtype, trainedDtype } from "../dtypes.ts";
import { basename } from "node:path";
import { modelPath } from "../../base/assets.ts";
import { isFolder } from "../../base/files/exists.ts";
import type { JobContext } from "../../base/job.ts";
import { nameInCache } from "../../hub/mod.ts";
import { counted } from "../../base/phrases.ts";
import { fileSha256, legacyHash } from "../../formats/mod.ts";
import {
  type FileRecord,
  initialDraws,
  loraAdapter,
  saveDtype,
  saveLora,
  tensorShapes,
  trainingMetadata,
} from "../../networks/mod.ts";
import { loadMerged, openBaseNetworks } from "../trained/base_networks.ts";
import { type TrainNetworkConfig, trainNetworkGroups } from "../options.ts";
import { networkRecord } from "../trained/network_record.ts";
import { type NetworkSetup, setUpNetwork } from "../trained/network_setup.ts";
import { networkTraining } from "../trained/network_training.ts";
import { assembleRun, drawingModel } from "./assemble_run.ts";
import { closingOnError, type OpenedRun, openRun, type RunOptions } from "./open_run.ts";
import { encodedCaptions, type TextCacheConfig } from "./text_cache.ts";
import type { TrainingRun } from "./training_run.ts";

export type NetworkRunOptions = Pick<RunOptions, "told">;

export async function openNetworkRun(
  config: TrainNetworkConfig & TextCacheConfig,
  context: JobContext,
  { told }: NetworkRunOptions = {},
): Promise<TrainingRun> {
  const newNetwork = config.networkWeights === null;
  const opened = await openRun(config, context, { groups: trainNetworkGroups, newNetwork, told });
  const { file, store, length, generators } = opened;
  const { network, under } = closingOnError(opened, () => ({
    network: setUpNetwork(config, file, context.warn),
    under: openBaseNetworks(config, file, context.warn),
  }));
  for (const { path, multiplier, lora } of under) {
    context.log(`merging ${path} into the model, times ${multiplier}`);
    generators.built(initialDraws(lora.modules)); // each is built as a network with first weights
  }
  const load = under.length > 0 ? loadMerged(under, file, store, context) : undefined;
  const metadata = metadataWriter(config, opened, network);
  const multiplied = opened.group.datasets.some(({ params }) => params.network_multiplier !== 1);
  const trainsText = config.networkTrainUnetOnly ? null : "give --network_train_unet_only";
  const encoded = await encodedCaptions(config, opened, { load, trainsText }, context).catch((error) => {
    opened.close();
    throw error;
  });
  return await assembleRun(config, opened, {
    name: "network_train",
    what: counted(network.modules.length, "LoRA module"),
    drawing: drawingModel(config, opened, {
      // by gen_img's graph, which has a strength: other graphs join other sums, and bfloat16 rounds elsewhere
      adapter: (graph) =>
        loraAdapter(network.modules, {
          held: trainedDtype(config),
          multiplier: graph.constant(Float32Array.of(1), [1]),
        }),
      storage: frozenDtype(config),
      load,
    }),
    examples: { multiplied, encoded },
    training: () => {
      const model = { family: file.family, shapes: file.shapes, file, encodedText: encoded?.widths };
      const weights = network.weights(generators.network);
      const settled = { ...config, maxTrainSteps: length.steps };
      return networkTraining(store, model, { ...network, weights }, settled, { load, multiplied });
    },
    saveModel(training, path, steps, epoch) {
      // of all modules: one whose rate is 0 is in no group, and --scale_weight_norms may have changed it even so
      const keys = [...tensorShapes(network.modules).keys()];
      const saved = training.saved();
      const weights = new Map(keys.map((key) => [key, saved.get(key) ?? store.download(key)]));
      saveLora(
        path,
        network.modules,
        weights,
        saveDtype(config.savePrecision),
        metadata(steps, epoch),
        config.saveLoraKeys,
      );
    },
  }, context);
}

function metadataWriter(config: TrainNetworkConfig, run: OpenedRun, network: NetworkSetup) {
  const { file, group, length, seed } = run;
  const record = networkRecord(config, {
    ...run.session,
    model: fileRecord(modelPath(config.pretrainedModelNameOrPath)),
    vae: config.vae === null ? null : fileRecord(modelPath(config.vae)),
    family: file.family,
    seed,
    datasets: group.datasets,
    heldOut: run.validation && run.validation.group.datasets,
    numBatchesPerEpoch: length.batchesPerEpoch,
    numEpochs: length.epochs,
    maxTrainSteps: length.steps,
    options: network.options,
  });
  return (steps: number, epoch: number) =>
    trainingMetadata(record, { steps, epoch, finishedAt: Date.now() / 1000 });
}

/** A folder has no hash by which interfaces would know it again. */
function fileRecord(path: string): FileRecord {
  const name = nameInCache(path) ?? basename(path);
  if (isFolder(path)) return { name, hash: null, sha256: null };
  return { name, hash: legacyHash(path), sha256: fileSha256(path) };
}
