/** `easel merge_lora`: LoRAs into one LoRA, or into a model. */

import { modelPath } from "../base/assets.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../base/dtype.ts";
import { UsageError, UserError } from "../base/errors.ts";
import type { JobContext } from "../base/job.ts";
import { removeLeftoversOf } from "../base/files/leftovers.ts";
import { isSameFile } from "../base/files/links.ts";
import { openCheckpoint, type TensorFile } from "../formats/mod.ts";
import { checkFlags, FAMILIES } from "../models/mod.ts";
import {
  encode,
  familyOfLora,
  fileModules,
  floatRepr,
  type MergedModule,
  mergeNetworks,
  saveDtype,
  saveTensors,
} from "../networks/mod.ts";
import { TorchGenerator } from "../random/mod.ts";
import type { MergeLoraConfig, Precision } from "./options.ts";
import { mergeIntoModel } from "./merge_into_model.ts";
import { specOfMerge } from "./merged_spec.ts";

/** Throws UserError for files that do not fit each other, when the disk refuses, and on Ctrl-C. */
export async function mergeLora(config: MergeLoraConfig, context: JobContext): Promise<void> {
  if (config.sdModel !== null && isSameFile(config.saveTo, modelPath(config.sdModel))) {
    throw new UsageError(
      `${config.saveTo}: is what --sd_model names and would be replaced; give another --save_to`,
    );
  }
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

/** What files without a telling key are for. */
const UNTOLD = FAMILIES.at(-1)!;

function mergeFiles(
  config: MergeLoraConfig,
  files: readonly TensorFile[],
  { warn }: Pick<JobContext, "warn">,
): void {
  const families = files.map(familyOfLora), family = families.find((f) => f !== null) ?? UNTOLD;
  families.forEach((f, i) => {
    if (f === null || f === family) return;
    throw new UserError(
      `${files[i].path}: is for ${f.label}, the files before it for ${family.label}; merge LoRAs of one kind`,
    );
  });
  if (config.v2) checkFlags(family, { v2: true }, files[0].path);
  const inputs = files.map((file, i) => ({
    path: file.path,
    modules: fileModules(file, family, warn),
    ratio: config.ratios[i],
  }));
  const random = new TorchGenerator(crypto.getRandomValues(new Uint32Array(1))[0]);
  const merged = mergeNetworks(inputs, {
    concat: config.concat,
    compat: config.compat !== null,
    shuffle: config.shuffle ? (n) => random.randperm(n) : null,
    round: rounding(config.precision),
  });
  const dtype = saveDtype(config.savePrecision ?? config.precision) ?? "F32";
  const tensors = merged.flatMap(({ name, alpha, downShape, upShape, down, up }) => [
    { name: `${name}.alpha`, dtype, shape: [], data: encode(Float32Array.of(alpha), dtype) },
    { name: `${name}.lora_down.weight`, dtype, shape: downShape, data: () => encode(down, dtype) },
    { name: `${name}.lora_up.weight`, dtype, shape: upShape, data: () => encode(up, dtype) },
  ]);
  const metadata = mergedMetadata(merged, files, config.compat !== null);
  saveTensors(config.saveTo, tensors, { ...metadata, ...specOfMerge(config, family, files) });
}

/** sd-scripts' least metadata of a LoRA, version and base model taken from the first file that names them. */
function mergedMetadata(
  merged: readonly MergedModule[],
  files: readonly Pick<TensorFile, "metadata">[],
  compat: boolean,
): Record<string, string> {
  const said = (key: string) =>
    files.map(({ metadata }) => metadata[key]).find((value) => value !== undefined);
  const one = (values: number[], text: (x: number) => string) =>
    new Set(values).size === 1 ? text(values[0]) : "Dynamic";
  const [v2, base] = [said("ss_v2"), said("ss_base_model_version")];
  return {
    ...(v2 === undefined ? {} : { ss_v2: v2 }),
    ...(base === undefined ? {} : { ss_base_model_version: base }),
    ss_network_module: "networks.lora",
    // the reference keeps the first file's rank where ranks were joined
    ss_network_dim: one(merged.map((m) => compat ? m.first.rank : m.rank), String),
    ss_network_alpha: one(merged.map((m) => m.alpha), floatRepr),
  };
}

/** Rounds values in place to what a dtype can hold. */
function rounding(precision: Precision): (values: Float32Array) => Float32Array {
  if (precision === "float") return (values) => values;
  return precision === "fp16"
    ? (values) => f16ToF32(f32ToF16(values))
    : (values) => bf16ToF32(f32ToBf16(values));
}
