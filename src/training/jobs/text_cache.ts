/** --cache_text_encoder_outputs in a run: whether it goes with what is trained, and the captions encoded. */

import { UsageError } from "../../base/errors.ts";
import type { JobContext } from "../../base/job.ts";
import type { DrawingModel } from "../../generation/pipeline/model.ts";
import { loadMissing } from "../../models/mod.ts";
import { encodeCaptions, type EncodedCaptions } from "../objective/encoded_captions.ts";
import type { TrainingConfig } from "../options.ts";
import { computeDtype } from "../dtypes.ts";
import type { OpenedRun } from "./open_run.ts";

/** What sdxl_train_network and sdxl_train take besides. */
export interface TextCacheConfig {
  readonly cacheTextEncoderOutputs?: boolean;
  readonly cacheTextEncoderOutputsToDisk?: boolean;
}

/** Encodes the captions where that is asked for; undefined where it is not. Throws as encodeCaptions() does. */
export async function encodedCaptions(
  config: TrainingConfig & TextCacheConfig,
  { file, group, validation, store }: OpenedRun,
  { trainsText, ...parts }: Pick<DrawingModel, "load"> & { readonly trainsText: string | null },
  context: JobContext,
): Promise<EncodedCaptions | undefined> {
  const toDisk = config.cacheTextEncoderOutputsToDisk ?? false;
  if (!toDisk && !config.cacheTextEncoderOutputs) return undefined;
  if (trainsText !== null) {
    throw new UsageError(`--cache_text_encoder_outputs: the text encoders would be trained; ${trainsText}`);
  }
  if (config.weightedCaptions) {
    throw new UsageError(
      "--cache_text_encoder_outputs and --weighted_captions exclude each other; leave one out",
    );
  }
  const dtype = computeDtype(config.mixedPrecision), { family, shapes, path: source } = file;
  const load = parts.load ?? ((graph) => loadMissing(graph, store, file));
  const model = { family, shapes, store, source, dtype, load };
  const datasets = [...group.datasets, ...validation?.group.datasets ?? []];
  const { maxTokenLength } = config, compat = config.compat !== null;
  return await encodeCaptions(datasets, model, { maxTokenLength, toDisk, compat }, context);
}
