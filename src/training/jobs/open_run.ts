/** What every diffusion training job opens alike: images, model file, device, latents, captions. */
import { cpus } from "node:os";
import { modelPath } from "../../base/assets.ts";
import { UsageError } from "../../base/errors.ts";
import type { JobContext } from "../../base/job.ts";
import {
  BatchLoader,
  cacheLatents,
  createDatasetGroup,
  type DatasetGroup,
  datasetName,
  describeDatasets,
  type LoaderOptions,
  planDatasets,
  type Supports,
  trainingPart,
} from "../../data/mod.ts";
import type { DrawingModel } from "../../generation/pipeline/model.ts";
import {
  buildingDraws,
  checkFlags,
  loadMissing,
  type ModelFile,
  openModel,
  partsOf,
  VAE,
} from "../../models/mod.ts";
import { type Device, openChosenDevice, ParameterStore } from "../../runtime/mod.ts";
import { cachesLatents } from "../../data/dataset/options.ts";
import type { Group } from "../../options/mod.ts";
import { type DataConfig, type PlaceConfig, type TrainingConfig, trainingGroups } from "../options.ts";
import { computeDtype, type DiffusionTraining } from "../step/diffusion_training.ts";
import { ExampleMaker, type ExampleOptions } from "../objective/examples.ts";
import { checkSteps } from "../step/check_steps.ts";
import { fitMemory } from "../step/fit.ts";
import { type RunGenerators, runGenerators } from "../objective/generators.ts";
import { largestLatents } from "../step/largest_shapes.ts";
import { LatentEncoder } from "../objective/latents.ts";
import { beginning } from "../loop/beginning.ts";
import { type RunLength, runLength } from "../loop/run_length.ts";
import { loggedOptions, loggingNotes } from "../loop/logged_options.ts";
import { sampleNotes } from "../loop/sample_occasions.ts";
import { SamplePictures, sampleSize } from "../loop/samples.ts";
import { Validation } from "../validation/validation.ts";
import {
  describeSettings,
  readStateFile,
  refuseOthers,
  type RunSettings,
  type RunState,
} from "../state/mod.ts";
import type { Session, TrainingRun } from "./training_run.ts";

/** A run without what is trained. */
export interface OpenedRun {
  readonly seed: number;
  readonly session: Session;
  /** What a state remembers, to be compared when a run goes on from it. */
  readonly settings: RunSettings;
  readonly logged: TrainingRun["logged"];
  readonly generators: RunGenerators;
  readonly group: DatasetGroup;
  readonly samples: SamplePictures | null;
  readonly validation: Validation | null;
  readonly length: RunLength;
  readonly file: ModelFile;
  readonly device: Device;
  readonly store: ParameterStore;
  close(): void;
}

export interface RunOptions {
  /** The options of the command. */
  readonly groups?: readonly Group[];
  /** Whether a network is drawn from the seed. */
  readonly newNetwork?: boolean;
  /** Flags that tell the model's family, as the command itself says. */
  readonly told?: Readonly<Record<string, boolean>>;
  /** Which datasets the command trains on, where they are not the usual ones. */
  readonly supports?: Supports;
}

/** Finds the images, tells what was found, opens the model. Throws UserError before anything is computed. */
export async function openRun(
  config: TrainingConfig,
  context: JobContext,
  { groups = trainingGroups, newNetwork = false, told = {}, supports }: RunOptions = {},
): Promise<OpenedRun> {
  checkSteps(config);
  const resumed = config.resume === null ? null : readStateFile(config.resume);
  const seed = config.seed ?? resumed?.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const generators = runGenerators(seed, config, newNetwork);
  const plans = planDatasets(config, supports);
  const split = trainingPart(config, seed);
  const group = await createDatasetGroup(plans, generators.python, { compat: config.compat !== null, split });
  for (const line of describeDatasets(group)) context.log(line);
  const validation = await Validation.open(config, plans, group, seed, context);
  const file = openModel(modelPath(config.pretrainedModelNameOrPath), partsOf(config));
  try {
    checkFlags(file.family, { v2: config.v2 }, file.path);
    checkFlags(file.family, told, file.path, { command: true });
    if (config.weightedCaptions && !file.family.text.weightedCaptions) {
      throw new UsageError(
        `${file.path}: is ${file.family.label}, whose captions take no weights; leave --weighted_captions away`,
      );
    }
    const samples = SamplePictures.open(config, sampleSize(group, config), file.family, context);
    const length = runLength(config, group);
    beginning(config, length); // what leaves nothing to train is refused now
    for (const note of [...sampleNotes(config, length), ...loggingNotes(config)]) context.warn(note);
    const settings = describeSettings(config, groups, { seed, length, group });
    if (resumed) refuseOthers(config.resume!, resumed, settings);
    const { threads, vramBudget, noVendorLibs } = config;
    const device = openChosenDevice(
      config.device,
      { threads, limitBytes: vramBudget ?? undefined, noVendorLibs },
      context.log,
    );
    const store = new ParameterStore(device);
    const close = () => {
      store.destroy();
      device.close();
      file.close();
    };
    const session = sessionOf(resumed);
    if (config.compat !== null && config.generator === null && !newNetwork) {
      context.log(
        "latents and epochs each draw from the seed; --generator one draws on after the model is built, as sd-scripts 0.9.1 does",
      );
    }
    generators.built(buildingDraws(file, config.vae !== null));
    return {
      seed,
      session,
      settings,
      logged: config.logConfig ? loggedOptions(config, groups) : null,
      generators,
      group,
      samples,
      validation,
      length,
      file,
      device,
      store,
      close,
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Closes the run where `work` throws. */
export function closingOnError<T>(opened: OpenedRun, work: () => T): T {
  try {
    return work();
  } catch (error) {
    opened.close();
    throw error;
  }
}

function sessionOf(resumed: RunState | null): Session {
  return {
    sessionId: resumed?.sessionId ?? crypto.getRandomValues(new Uint32Array(1))[0],
    startedAt: resumed?.startedAt ?? Date.now() / 1000,
  };
}

/** The model for sample pictures and the autoencoder; `parts` say what training changes about it. */
export function drawingModel(
  config: TrainingConfig,
  { file, store }: OpenedRun,
  parts: Pick<DrawingModel, "adapter" | "storage" | "load" | "words" | "more" | "controls">,
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
    adapter: parts.adapter,
    words: parts.words,
    more: parts.more,
    controls: parts.controls,
    storage: (key) => key.startsWith(`${VAE}.`) ? vaeDtype : parts.storage?.(key) ?? dtype,
    load: parts.load ?? ((graph) => loadMissing(graph, store, file)),
  };
}

/** What the job adds to an opened run. */
export interface RunParts {
  readonly name: string;
  readonly what: string;
  readonly drawing: DrawingModel;
  /** How captions become token ids, where it is not as usual. */
  readonly examples?: ExampleOptions;
  /** What captions are replaced by. */
  readonly replacements?: LoaderOptions["replacements"];
  /** Called after latents are cached. */
  readonly training: () => DiffusionTraining;
  saveModel(training: DiffusionTraining, path: string, steps: number, epoch: number): void;
}

/** Caches latents where asked for and puts everything together. Closes the run when that fails. */
export async function assembleRun(
  config: TrainingConfig,
  opened: OpenedRun,
  parts: RunParts,
  context: JobContext,
): Promise<TrainingRun> {
  const { group, generators, length, file } = opened, { drawing } = parts;
  let training: DiffusionTraining | null = null;
  try {
    const encoder = new LatentEncoder(drawing);
    if (cachesLatents(config)) await cacheAll(config, opened, encoder, context);
    const examples = await ExampleMaker.create(file.family, config.maxTokenLength, encoder, {
      weighted: config.weightedCaptions,
      ...parts.examples,
    });
    const made = training = parts.training();
    const arena = await fitMemory(
      made.step,
      opened.store,
      largestLatents(group, file.family.latent, config),
      {
        mixedPrecision: config.mixedPrecision,
        samples: opened.samples?.memory(drawing),
        log: context.log,
        warn: context.warn,
      },
    );
    return {
      ...opened,
      name: parts.name,
      what: parts.what,
      drawing,
      examples,
      training: made,
      loader: new BatchLoader(group, {
        latent: file.family.latent,
        torch: generators.torch,
        random: generators.python,
        maxTrainSteps: length.steps,
        compat: config.compat !== null,
        ...loaderWorkers(config, context),
        replacements: parts.replacements,
        note: (line) => context.warn(line),
      }),
      saveModel: (path, steps, epoch) => parts.saveModel(made, path, steps, epoch),
      close() {
        made.destroy();
        arena?.release();
        if (!cachesLatents(config)) encoder.destroy();
        opened.close();
      },
    };
  } catch (error) {
    training?.destroy();
    opened.close();
    throw error;
  }
}

/** The processes that sd-scripts' DataLoader would have on this machine; imitated with --compat alone. */
function loaderWorkers(
  { compat, maxDataLoaderNWorkers: asked, persistentDataLoaderWorkers: persistentWorkers }:
    & DataConfig
    & PlaceConfig,
  context: JobContext,
): { workers: number; persistentWorkers: boolean } {
  if (compat === null) return { workers: 0, persistentWorkers: false };
  const workers = Math.min(asked, cpus().length);
  if (workers > 0) {
    const limit = workers < asked ? ` (--max_data_loader_n_workers ${asked}, but as many CPUs)` : "";
    context.log(`order and captions as of ${workers} loader workers of sd-scripts ${compat}${limit}`);
  }
  return { workers, persistentWorkers };
}

/** Latents of all images. */
async function cacheAll(
  config: TrainingConfig,
  { group, validation, file, generators }: OpenedRun,
  encoder: LatentEncoder,
  context: JobContext,
): Promise<void> {
  const owned = new Map<string, string>();
  const held = validation?.group.datasets ?? [], datasets = [...group.datasets, ...held];
  const heldOut = validation?.generators().torch;
  for (const [i, dataset] of datasets.entries()) {
    const torch = held.includes(dataset) ? heldOut! : generators.latents;
    await cacheLatents(dataset, {
      owned,
      encode: (pixels, count, height, width) => encoder.encode(pixels, count, height, width, torch),
      latent: file.family.latent,
      batchSize: config.vaeBatchSize,
      toDisk: config.cacheLatentsToDisk,
      trusted: config.skipCacheCheck,
      compat: config.compat !== null,
      onStart: () => {
        if (datasets.length > 1) context.log(`caching latents of ${datasetName(dataset, i)}`);
      },
      onProgress: (step, total) => context.progress({ task: "caching latents", step, total }),
      note: (line) => context.warn(line),
      checkpoint: () => context.signal.throwIfAborted(),
    });
  }
  encoder.destroy();
}
