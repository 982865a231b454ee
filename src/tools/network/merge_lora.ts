/** `easel merge_lora`: LoRAs into one LoRA, or into a model. */

import type { JobContext } from "../../base/job.ts";
import { removeLeftoversOf } from "../../base/files/leftovers.ts";
import { openCheckpoint, type TensorFile } from "../../formats/mod.ts";
import { checkFlags } from "../../models/mod.ts";
import {
  floatRepr,
  type MergedModule,
  mergeNetworks,
  pairTensors,
  saveDtype,
  saveTensors,
} from "../../networks/mod.ts";
import { TorchGenerator } from "../../random/mod.ts";
import type { MergeLoraConfig } from "./options.ts";
import { keysFor } from "./any_kind/fitting_model.ts";
import { mergeIntoModel } from "./merge_into_model.ts";
import { specOfMerge } from "./merged_spec.ts";
import { rounding } from "./precision.ts";
import { keepRead } from "./read_files.ts";
import { blockWeight, readBlockWeights } from "./block_weights.ts";
import { least, loraFamily, mergeInputs } from "./merge_inputs.ts";

/** Throws UserError for files that do not fit each other, when the disk refuses, and on Ctrl-C. */
export async function mergeLora(config: MergeLoraConfig, context: JobContext): Promise<void> {
  keepRead(config.saveTo, { sd_model: [config.sdModel], models: config.models });
  removeLeftoversOf(config.saveTo, context.log);
  const files: TensorFile[] = [];
  try {
    for (const path of config.models) files.push(openCheckpoint(path));
    if (config.sdModel === null) mergeFiles(config, files, context);
    else await mergeIntoModel(config, files, rounding(config.precision), context);
  } finally {
    files.forEach((file) => file.close());
  }
  context.log(`saved ${config.saveTo}`);
  context.emit({ event: "save", what: "model", path: config.saveTo, step: 0 });
}

function mergeFiles(
  config: MergeLoraConfig,
  files: readonly TensorFile[],
  { warn }: Pick<JobContext, "warn">,
): void {
  const family = loraFamily(files, config.v2),
    weights = config.lbws === null ? null : readBlockWeights(config.lbws);
  if (config.v2) checkFlags(family, { v2: true }, files[0].path);
  const inputs = mergeInputs(files, config.ratios, family, warn).map((input, i) => ({
    ...input,
    weightOf: weights === null ? undefined : (module: string) => blockWeight(weights[i], module),
  }));
  const random = new TorchGenerator(crypto.getRandomValues(new Uint32Array(1))[0]);
  const merged = mergeNetworks(inputs, {
    concat: config.concat,
    compat: config.compat !== null,
    shuffle: config.shuffle ? (n) => random.randperm(n) : null,
    round: rounding(config.precision),
  });
  const dtype = saveDtype(config.savePrecision ?? config.precision) ?? "F32";
  const keys = keysFor(config.saveLoraKeys, files[0], merged);
  const tensors = merged.flatMap((module) => pairTensors(module, dtype, keys(module.name)));
  const metadata = mergedMetadata(merged, files, config.compat !== null);
  saveTensors(config.saveTo, tensors, { ...metadata, ...specOfMerge(config, family, files) });
}

function mergedMetadata(
  merged: readonly MergedModule[],
  files: readonly Pick<TensorFile, "metadata">[],
  compat: boolean,
): Record<string, string> {
  const one = (values: number[], text: (x: number) => string) =>
    new Set(values).size === 1 ? text(values[0]) : "Dynamic";
  // the reference keeps the first file's rank where ranks were joined
  const ranks = merged.map((m) => compat ? m.first.rank : m.rank);
  // Python's text of the first alpha: a rank, which is no float, where the file has none
  const alpha = merged[0]?.first.ownAlpha ? floatRepr : String;
  return least(files, one(ranks, String), one(merged.map((m) => m.alpha), alpha));
}
