/** Everything that one run of `easel train_network` works with, opened, checked and loaded. */
import { basename } from "node:path";
import { modelPath } from "../base/assets.ts";
import { UsageError } from "../base/errors.ts";
import type { JobContext } from "../base/job.ts";
import {
  BatchLoader,
  cacheLatents,
  createDatasetGroup,
  type DatasetGroup,
  describeDatasets,
  planDatasets,
} from "../data/mod.ts";
import { fileSha256, legacyHash } from "../formats/mod.ts";
import type { DrawingModel } from "../generation/model.ts";
import { checkFlags, type ModelFile, openModel, VAE } from "../models/mod.ts";
import { type FileRecord, loraAdapter, saveDtype, saveLora, trainingMetadata } from "../networks/mod.ts";
import { TorchGenerator } from "../random/mod.ts";
import { type Device, openDevice, ParameterStore } from "../runtime/mod.ts";
import { loadMissing } from "./base_model.ts";
import type { TrainNetworkConfig } from "./config.ts";
import { computeDtype, type DiffusionTraining } from "./diffusion_training.ts";
import { ExampleMaker } from "./examples.ts";
import { LatentEncoder } from "./latents.ts";
import { networkRecord } from "./network_record.ts";
import { setUpNetwork } from "./network_setup.ts";
import { type LoraNetwork, networkTraining } from "./network_training.ts";
import type { StepGenerators } from "./noise.ts";
import { readStateFile, type RunState, seededGenerators } from "./state.ts";

/** How long the run is. */
export interface RunLength {
  readonly batchesPerEpoch: number;
  readonly epochs: number;
  readonly steps: number;
}

export interface NetworkRun {
  readonly seed: number;
  readonly length: RunLength;
  readonly generators: StepGenerators;
  readonly loader: BatchLoader;
  readonly examples: ExampleMaker;
  readonly training: DiffusionTraining;
  readonly network: LoraNetwork;
  readonly device: Device;
  readonly store: ParameterStore;
  /** The model with the network on it, for sample pictures. */
  readonly drawing: DrawingModel;
  readonly session: { readonly sessionId: number; readonly startedAt: number };
  /** Writes the network's file. `epoch` counts from 1. */
  saveNetwork(path: string, steps: number, epoch: number): void;
  close(): void;
}

/** Opens model and images, tells what was found, caches latents. Throws UserError before anything is trained. */
export async function openNetworkRun(config: TrainNetworkConfig, context: JobContext): Promise<NetworkRun> {
  if (config.device === "cuda") throw new UsageError("--device cuda is not supported yet");
  const resumed = config.resume === null ? null : readStateFile(config.resume);
  const seed = config.seed ?? resumed?.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const generators = seededGenerators(seed);
  const compat = config.compat !== null;
  const plans = planDatasets(config as unknown as Record<string, unknown>);
  const group = await createDatasetGroup(plans, generators.python, { compat });
  for (const line of describeDatasets(group)) context.log(line);
  const length = runLength(config, group);
  const file = openModel(modelPath(config.pretrainedModelNameOrPath), {
    vae: config.vae === null ? undefined : modelPath(config.vae),
  });
  const device = openDevice("cpu", { threads: config.threads });
  const store = new ParameterStore(device);
  const close = () => {
    store.destroy();
    device.close();
    file.close();
  };
  try {
    checkFlags(file.family, { v2: config.v2, sdxl: config.sdxl ?? false }, file.path);
    const network = setUpNetwork(config, file, seed);
    const drawing = drawingModel(config, file, network, store);
    const encoder = new LatentEncoder(drawing);
    if (config.cacheLatents) await cacheAll(config, group, encoder, seed, context);
    const examples = await ExampleMaker.create(file.family, config.maxTokenLength, encoder);
    const training = networkTraining(store, { family: file.family, shapes: file.shapes, file }, network, {
      ...config,
      maxTrainSteps: length.steps,
    });
    const session = sessionOf(resumed);
    return {
      ...{ seed, length, generators, examples, training, network, device, store, drawing, session },
      loader: new BatchLoader(group, {
        torch: generators.torch,
        random: generators.python,
        maxTrainSteps: length.steps,
        compat,
        note: (line) => context.warn(line),
      }),
      saveNetwork: networkWriter(config, { file, group, network, training, length, seed, session }),
      close() {
        training.destroy();
        if (!config.cacheLatents) encoder.destroy();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Epochs and steps, each from the other. */
export function runLength(
  config: Pick<TrainNetworkConfig, "maxTrainEpochs" | "maxTrainSteps" | "gradientAccumulationSteps">,
  group: DatasetGroup,
): RunLength {
  const batchesPerEpoch = group.orders.reduce((sum, order) => sum + order.length, 0);
  const updates = Math.ceil(batchesPerEpoch / config.gradientAccumulationSteps);
  const steps = config.maxTrainEpochs === null ? config.maxTrainSteps : config.maxTrainEpochs * updates;
  return { batchesPerEpoch, steps, epochs: Math.ceil(steps / updates) };
}

function sessionOf(resumed: RunState | null) {
  return {
    sessionId: resumed?.sessionId ?? crypto.getRandomValues(new Uint32Array(1))[0],
    startedAt: resumed?.startedAt ?? Date.now() / 1000,
  };
}

function drawingModel(
  config: TrainNetworkConfig,
  file: ModelFile,
  network: LoraNetwork,
  store: ParameterStore,
): DrawingModel {
  const dtype = computeDtype(config.mixedPrecision);
  const vaeDtype = config.noHalfVae ? "f32" : dtype;
  return {
    family: file.family,
    shapes: file.shapes,
    store,
    source: file.path,
    dtype,
    vaeDtype,
    storage: (key) => key.startsWith(`${VAE}.`) ? vaeDtype : dtype,
    adapter: () => loraAdapter(network.modules),
    load: (graph) => loadMissing(graph, store, file),
  };
}

/** Latents of all images, their noise drawn from a generator of its own: the same whether or not files are found. */
async function cacheAll(
  config: TrainNetworkConfig,
  group: DatasetGroup,
  encoder: LatentEncoder,
  seed: number,
  context: JobContext,
): Promise<void> {
  const torch = new TorchGenerator(seed);
  for (const dataset of group.datasets) {
    await cacheLatents(dataset, {
      encode: (pixels, count, height, width) => encoder.encode(pixels, count, height, width, torch),
      batchSize: config.vaeBatchSize,
      toDisk: config.cacheLatentsToDisk,
      compat: config.compat !== null,
      onProgress: (step, total) => context.progress({ task: "caching latents", step, total }),
      note: (line) => context.warn(line),
      checkpoint: () => context.signal.throwIfAborted(),
    });
  }
  encoder.destroy();
}

interface WriterParts {
  readonly file: ModelFile;
  readonly group: DatasetGroup;
  readonly network: LoraNetwork;
  readonly training: DiffusionTraining;
  readonly length: RunLength;
  readonly seed: number;
  readonly session: NetworkRun["session"];
}

function networkWriter(config: TrainNetworkConfig, parts: WriterParts): NetworkRun["saveNetwork"] {
  const { file, group, network, training, length } = parts;
  const files = {
    model: fileRecord(modelPath(config.pretrainedModelNameOrPath)),
    vae: config.vae === null ? null : fileRecord(modelPath(config.vae)),
  };
  const record = networkRecord(config, {
    ...parts.session,
    ...files,
    family: file.family,
    seed: parts.seed,
    datasets: group.datasets,
    numBatchesPerEpoch: length.batchesPerEpoch,
    numEpochs: length.epochs,
    maxTrainSteps: length.steps,
    options: network.options,
  });
  return (path, steps, epoch) => {
    const metadata = trainingMetadata(record, { steps, epoch, finishedAt: Date.now() / 1000 });
    // modules whose rate is 0 are not in the optimizer's groups and keep their first weights
    const weights = new Map([...network.weights, ...training.weights()]);
    saveLora(path, network.modules, weights, saveDtype(config.savePrecision), metadata);
  };
}

function fileRecord(path: string): FileRecord {
  return { name: basename(path), hash: legacyHash(path), sha256: fileSha256(path) };
}
