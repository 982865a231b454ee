/** `easel train_vae`: trains the autoencoder of a checkpoint on a folder of pictures; writes whole checkpoints. */
import { Interrupted, UserError } from "../../base/errors.ts";
import type { JobContext, Plan } from "../../base/job.ts";
import { counted } from "../../base/phrases.ts";
import { type Batch, BatchLoader, type DatasetGroup } from "../../data/mod.ts";
import { writeSafetensors } from "../../formats/mod.ts";
import { checkpointTensors, type Family, requireFinite, VAE, weightOf } from "../../models/mod.ts";
import { withDefaults } from "../../options/mod.ts";
import { type TrainingConfig, trainingGroups, type TrainVaeConfig } from "../options.ts";
import { fitMemory } from "../step/fit.ts";
import { largestBatches } from "../step/largest_shapes.ts";
import { LatentStatistics, standardizeLatents } from "../trained/latent_statistics.ts";
import { type OpenedRun, openRun } from "./open_run.ts";
import { rateNotes } from "../optimizers/mod.ts";
import { openOutput } from "./output_folder.ts";
import { planSteps } from "./plan.ts";
import { RunFiles } from "../loop/run_files.ts";
import { wishesSave } from "../loop/wishes.ts";
import { VaeTraining } from "../trained/vae_training.ts";

/** Pictures whose latents are measured for --standardize_latents. */
const MEASURED = 512;
/** Share of the past in the loss that is shown. */
const SMOOTHING = 0.98;

/**
 * Runs the whole training. Throws UserError for what the user can mend, and Interrupted after saving when the context's
 * signal is aborted.
 */
export async function trainVae(config: TrainVaeConfig, context: JobContext): Promise<void> {
  openOutput(whole(config), context);
  await withTraining(config, context, (opened, training) => run(config, opened, training, context));
}

/** What the training would need; trains and writes nothing. Throws UserError. */
export async function planVae(config: TrainVaeConfig, context: JobContext): Promise<Plan> {
  return await withTraining(config, context, ({ store, length, group }, { step }) => {
    return planSteps({ store, length, step, shapes: largestBatches(group), accumulated: 1 });
  });
}

/** What the command has no flag for is as in other trainings where nothing is given. */
function whole(config: TrainVaeConfig): TrainingConfig {
  return { ...withDefaults(trainingGroups, config), ...config };
}

/** Opens everything for `work` and closes it again. */
async function withTraining<T>(
  config: TrainVaeConfig,
  context: JobContext,
  work: (opened: OpenedRun, training: VaeTraining) => Promise<T>,
): Promise<T> {
  const opened = await openRun(whole(config), context);
  let training: VaeTraining | null = null;
  try {
    checkSizes(opened.group, opened.file.family);
    requireFinite(opened.file, (key) => !key.startsWith(`${VAE}.`));
    training = new VaeTraining(opened.store, opened.file, {
      ...whole(config),
      ...config,
      maxTrainSteps: opened.length.steps,
    }, (key) => weightOf(opened.file, key));
    await fitMemory(training.step, opened.store, largestBatches(opened.group), {
      mixedPrecision: config.mixedPrecision,
      log: context.log,
    });
    return await work(opened, training);
  } finally {
    training?.destroy();
    opened.close();
  }
}

/** Pictures are whole latents. */
function checkSizes({ datasets }: DatasetGroup, { latent: { factor } }: Family): void {
  for (const { buckets, params } of datasets) {
    const odd = buckets.find(({ size }) => size.some((side) => side % factor !== 0));
    if (!odd) continue;
    const flag = params.enable_bucket ? `bucket_reso_steps ${params.bucket_reso_steps}` : "resolution";
    throw new UserError(
      `pictures of ${odd.size.join("x")} cannot be encoded; set ${flag} to a multiple of ${factor}`,
    );
  }
}

async function run(
  config: TrainVaeConfig,
  opened: OpenedRun,
  training: VaeTraining,
  context: JobContext,
): Promise<void> {
  const { generators: { torch, python }, group, length, file, device } = opened;
  const loader = new BatchLoader(group, {
    latent: file.family.latent,
    torch,
    random: python,
    maxTrainSteps: length.steps,
    compat: false,
    scale: true,
    note: (line) => context.warn(line),
  });
  const write = (path: string, weights: ReadonlyMap<string, Float32Array>) =>
    writeSafetensors(path, checkpointTensors(file, weights, config.savePrecision), { format: "pt" });
  const files = new RunFiles(whole(config), {
    model: (path) => write(path, training.saved()),
    state: () => {},
  }, context);
  context.log(`autoencoder: ${counted(length.steps, "step")}, ${config.mixedPrecision} mixed precision`);
  for (const note of rateNotes(training.step.options.optimizer, [training.group])) context.warn(note);
  const { steps, epochs, batchesPerEpoch } = length;
  context.emit({ event: "plan", task: "training", steps, epochs, batchesPerEpoch, seed: opened.seed });
  const orLastGood = <T>(work: Promise<T>) =>
    work.catch((cause) => {
      if (!(cause instanceof UserError)) throw cause;
      throw new UserError(`${cause.message}; ${files.lastGood()}`, { cause });
    });
  let step = 0, shown = 0;
  for (let epoch = 1; step < length.steps; epoch++) {
    loader.startEpoch(epoch);
    for (let batch = await loader.next(step); batch && step < length.steps; batch = await loader.next(step)) {
      const { error } = await orLastGood(training.train(batch.pixels!, shapeOf(batch), torch));
      shown = ++step === 1 ? error : SMOOTHING * shown + (1 - SMOOTHING) * error;
      context.progress({
        task: "training",
        step,
        total: length.steps,
        loss: shown,
        memory: device.peakBytes,
      });
      if (context.signal.aborted) {
        await orLastGood(training.prove());
        throw new Interrupted(`stopped after step ${step}; saved ${files.model({ step }, step, epoch)}`);
      }
      const wished = wishesSave(context);
      if (
        wished ||
        config.saveEveryNSteps !== null && step % config.saveEveryNSteps === 0 && step < length.steps
      ) {
        await orLastGood(training.prove());
        files.save({ step }, step, epoch, false);
      }
    }
  }
  await orLastGood(training.prove());
  let weights = training.saved();
  if (config.standardizeLatents) {
    const statistics = await measure(training, loader, file.family.latent.channels, context);
    weights = standardizeLatents(weights, statistics, file.family);
  }
  const last = new RunFiles(
    whole(config),
    { model: (path) => write(path, weights), state: () => {} },
    context,
  );
  context.log(`saved ${last.model("last", step, 0)}`);
}

/** Encodes pictures of the dataset as the averaged weights do and gathers their latents. */
async function measure(
  training: VaeTraining,
  loader: BatchLoader,
  channels: number,
  context: JobContext,
): Promise<LatentStatistics> {
  const statistics = new LatentStatistics(channels);
  training.useSaved();
  let seen = 0;
  for (let epoch = loader.epoch + 1; seen < MEASURED; epoch++) {
    loader.startEpoch(epoch);
    for (let batch = await loader.next(0); batch && seen < MEASURED; batch = await loader.next(0)) {
      statistics.add(await training.latents(batch.pixels!, shapeOf(batch)));
      seen += batch.imagePaths.length;
      context.progress({ task: "measuring latents", step: Math.min(seen, MEASURED), total: MEASURED });
    }
  }
  return statistics;
}

function shapeOf({ bucket: [width, height], imagePaths }: Batch) {
  return { batch: imagePaths.length, height, width };
}
