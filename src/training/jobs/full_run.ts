/** A run of fine_tune, train_db or sdxl_train: the U-Net and, if wanted, the text encoders; writes whole checkpoints. */
import type { JobContext } from "../../base/job.ts";
import { modelSaver, requireFinite, weightOf } from "../../models/mod.ts";
import type { Group } from "../../options/mod.ts";
import type { TrainingConfig } from "../options.ts";
import { isTrained, rests, trainedText } from "../trained/full_groups.ts";
import { FULL_DEFAULTS, type FullOptions } from "../trained/full_options.ts";
import { fullTraining } from "../trained/full_training.ts";
import { modelTexts, savedSpec } from "../trained/model_texts.ts";
import { chosenOptimizer } from "../optimizers/options.ts";
import { whyGradientsWait } from "../step/check_update.ts";
import { computeDtype, trainedDtype } from "../dtypes.ts";
import { runTraining } from "../loop/trainer.ts";
import { savedForm } from "../loop/saved_form.ts";
import type { Tracker } from "../logging/training_log.ts";
import { openOutput } from "./output_folder.ts";
import { assembleRun, drawingModel } from "./assemble_run.ts";
import { closingOnError, openRun } from "./open_run.ts";
import { encodedCaptions, type TextCacheConfig } from "./text_cache.ts";
import type { TrainingRun } from "./training_run.ts";

/** What one command has that others have not. */
export interface FullKind {
  /** Names the log's folder. */
  readonly name: Tracker;
  readonly groups: readonly Group[];
  /** Flags that tell the model's family, as the command itself says. */
  readonly told?: Readonly<Record<string, boolean>>;
  /** Whether the text encoder is trained where no option says so. */
  readonly text?: boolean;
}

export type FullConfig = TrainingConfig & Partial<FullOptions> & TextCacheConfig;

/** A command's config with what it does not know. */
export const fullConfig = (config: FullConfig, { text = false }: Pick<FullKind, "text">) => ({
  ...FULL_DEFAULTS,
  trainTextEncoder: text,
  ...config,
});

/** Runs the whole training. Throws as jobs do. */
export async function trainFull(kind: FullKind, config: FullConfig, context: JobContext): Promise<void> {
  const settled = { ...config, saveModelAs: savedForm(config) };
  openOutput(settled, context);
  await runTraining(settled, await openFullRun(kind, settled, context), context);
}

/** Everything opened, checked and loaded. */
export async function openFullRun(
  kind: FullKind,
  given: FullConfig,
  context: JobContext,
): Promise<TrainingRun> {
  const config = fullConfig(given, kind), form = savedForm(config);
  const opened = await openRun(config, context, { ...kind, widens: true });
  const { file, store, length } = opened, { family } = file;
  const trained = (key: string) => isTrained(family, config, key);
  if (opened.group.datasets.some(({ params }) => params.network_multiplier !== 1)) {
    context.warn("network_multiplier has no effect: no network is trained");
  }
  const what = closingOnError(opened, () => {
    requireFinite(file, (key) => !trained(key));
    return trainedText(family, config);
  });
  const waits = config.fusedOptimizerGroups === null
    ? null
    : whyGradientsWait(config, chosenOptimizer(config));
  if (waits) context.warn(`--fused_optimizer_groups keeps all gradients: ${waits.why}; ${waits.remedy}`);
  const texts = closingOnError(opened, () => modelTexts(config));
  const dtype = computeDtype(config.mixedPrecision);
  const saver = await modelSaver(file, {
    form,
    precision: config.savePrecision,
    vPrediction: config.vParameterization,
    compat: config.compat !== null,
  }, context.log);
  const trainsText = what.includes("text encoder") ? "leave --train_text_encoder out" : null;
  const encoded = await encodedCaptions(config, opened, { trainsText }, context).catch((error) => {
    opened.close();
    throw error;
  });
  return await assembleRun(config, opened, {
    name: kind.name,
    what,
    drawing: drawingModel(config, opened, {
      storage: (key) => trained(key) || rests(config, key) ? trainedDtype(config) : dtype,
    }),
    examples: { noTokenPadding: config.noTokenPadding, encoded },
    training: () => {
      const model = { family, shapes: file.shapes, file, encodedText: encoded?.widths };
      const settled = { ...config, maxTrainSteps: length.steps };
      return fullTraining(store, model, settled, (key) => weightOf(file, key));
    },
    saveModel(training, path, globalStep, epoch) {
      const metadata = {
        ...config.compat === null && { format: "pt" }, // which transformers asks for
        ...savedSpec("checkpoint", config, family, texts),
      };
      saver.save(path, training.saved(), { metadata, epoch, globalStep });
    },
  }, context);
}
