/** From an opened run to one that trains: latents cached, memory settled, batches and examples to come. */
import { cpus } from "node:os";
import type { JobContext } from "../../base/job.ts";
import { BatchLoader, cacheLatents, datasetName, type LoaderOptions } from "../../data/mod.ts";
import type { DrawingModel } from "../../generation/pipeline/model.ts";
import { loadMissing, VAE } from "../../models/mod.ts";
import { cachesLatents } from "../../data/dataset/options.ts";
import type { DataConfig, PlaceConfig, TrainingConfig } from "../options.ts";
import { computeDtype } from "../dtypes.ts";
import type { DiffusionTraining } from "../step/diffusion_training.ts";
import { ExampleMaker, type ExampleOptions } from "../objective/examples.ts";
import { fitMemory } from "../step/fit.ts";
import { largestBatches, largestLatents } from "../step/largest_shapes.ts";
import { LatentEncoder } from "../objective/latents.ts";
import type { TrainingRun } from "./training_run.ts";
import type { OpenedRun } from "./open_run.ts";

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
  readonly name: TrainingRun["name"];
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
  const { group, validation, generators, length, file } = opened, { drawing } = parts;
  let training: DiffusionTraining | null = null;
  try {
    const encoder = new LatentEncoder(drawing);
    const pictures = { datasets: [...group.datasets, ...validation?.group.datasets ?? []] };
    if (cachesLatents(config)) await cacheAll(config, opened, encoder, context);
    else if (config.anySize) { // a plan: caching is no more than its largest program
      await encoder.prepare(largestBatches(pictures, config.vaeBatchSize));
      encoder.destroy();
    }
    const encodes = !cachesLatents(config) && !config.anySize;
    const examples = await ExampleMaker.create(file.family, config.maxTokenLength, encoder, {
      weighted: config.weightedCaptions,
      inpaintingSeed: config.trainInpainting ? opened.seed : undefined,
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
        held: validation && made.lossNeed(largestLatents(validation.group, file.family.latent, config)),
        encoding: encodes ? encoder.need(largestBatches(pictures)) : null,
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
        scale: config.anySize,
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
  const largest = largestBatches({ datasets }, config.vaeBatchSize);
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
      threads: config.threads,
      onStart: async () => {
        if (datasets.length > 1) context.log(`caching latents of ${datasetName(dataset, i)}`);
        await encoder.prepare(largest); // the smallest pictures come first
      },
      onProgress: (step, total) => context.progress({ task: "caching latents", step, total }),
      note: (line) => context.warn(line),
      checkpoint: () => context.signal.throwIfAborted(),
    });
  }
  encoder.destroy();
}
