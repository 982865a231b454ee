/** `easel fine_tune`: trains the U-Net and, if wanted, the text encoders; writes whole checkpoints. */
import type { JobContext } from "../../base/job.ts";
import { type Family, requireFinite, weightOf } from "../../models/mod.ts";
import { modelSpec } from "../../networks/mod.ts";
import { writeCheckpoint } from "../trained/checkpoint_file.ts";
import { type FineTuneConfig, fineTuneGroups } from "../options.ts";
import { computeDtype } from "../step/diffusion_training.ts";
import { fullTraining, isTrained } from "../trained/full_training.ts";
import { assembleRun, closingOnError, drawingModel, openRun } from "./open_run.ts";
import { openOutput } from "./output_folder.ts";
import { runTraining } from "../loop/trainer.ts";
import type { TrainingRun } from "./training_run.ts";

/**
 * Runs the whole training. Throws UserError for what the user can mend, and Interrupted after saving when the context's
 * signal is aborted.
 */
export async function fineTune(config: FineTuneConfig, context: JobContext): Promise<void> {
  openOutput(config, context);
  await runTraining(config, await openFineTuneRun(config, context), context);
}

/** Everything opened, checked and loaded. */
export async function openFineTuneRun(config: FineTuneConfig, context: JobContext): Promise<TrainingRun> {
  const opened = await openRun(config, context, { groups: fineTuneGroups });
  const { file, store, length } = opened;
  closingOnError(opened, () => requireFinite(file, (key) => !isTrained(config, key)));
  const dtype = computeDtype(config.mixedPrecision);
  return await assembleRun(config, opened, {
    name: "finetuning",
    what: config.trainTextEncoder ? "U-Net and text encoder" : "U-Net",
    drawing: drawingModel(config, opened, { storage: (key) => isTrained(config, key) ? "f32" : dtype }),
    training: () => {
      const model = { family: file.family, shapes: file.shapes, file };
      const settled = { ...config, maxTrainSteps: length.steps };
      return fullTraining(store, model, settled, (key) => weightOf(file, key));
    },
    saveModel(training, path) {
      const metadata = { format: "pt", ...specification(config, file.family) };
      writeCheckpoint(path, file, training.weights(true), config.savePrecision, metadata);
    },
  }, context);
}

/** The modelspec.* entries of a checkpoint that is saved now. */
function specification(config: FineTuneConfig, family: Family): Record<string, string> {
  const [width, height = width] = config.resolution?.split(",").map(Number) ?? [];
  return modelSpec({
    ...config,
    family,
    title: config.metadataTitle ?? config.outputName,
    author: config.metadataAuthor,
    description: config.metadataDescription,
    license: config.metadataLicense,
    tags: config.metadataTags,
    resolution: width === undefined ? null : [width, height],
    checkpoint: true,
  }, Date.now() / 1000);
}
