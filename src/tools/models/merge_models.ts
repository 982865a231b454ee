/** Weighted sums of whole models, tensor by tensor as it is written: sd-scripts' tools/merge_models.py. */

import { modelPath } from "../../base/assets.ts";
import { UsageError, UserError } from "../../base/errors.ts";
import { removeLeftoversOf } from "../../base/files/leftovers.ts";
import { isSameFile } from "../../base/files/links.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import { type TensorFile, type TensorToWrite, writeSafetensorsSlowly } from "../../formats/mod.ts";
import { isFloating } from "../../formats/tensor_file.ts";
import { openAnyLayout, saveDtypeOf, type SavePrecision, toDtype } from "../../models/mod.ts";
import { rounding } from "../network/precision.ts";

export interface MergeModelsConfig {
  readonly models: readonly string[];
  readonly output: string;
  /** One for each model; null for equal ones. */
  readonly ratios: readonly number[] | null;
  readonly unetOnly: boolean;
  readonly precision: SavePrecision;
  readonly savingPrecision: SavePrecision;
  readonly showSkipped: boolean;
  readonly compat: string | null;
}

/** A model by the names that checkpoints have today. */
interface Input {
  readonly file: TensorFile;
  readonly ratio: number;
  /** Today's name -> the file's. */
  readonly keys: ReadonlyMap<string, string>;
}

/** Throws UserError for files that do not fit each other, when the disk refuses, and on Ctrl-C. */
export async function mergeModels(config: MergeModelsConfig, context: JobContext): Promise<void> {
  const output = config.output.endsWith(".safetensors") ? config.output : `${config.output}.safetensors`;
  const same = config.models.find((model) => isSameFile(output, modelPath(model)));
  if (same) {
    throw new UsageError(`${output}: is one of --models and would be replaced; give another --output`);
  }
  removeLeftoversOf(output, context.log);
  const inputs: Input[] = [];
  try {
    for (const [i, model] of config.models.entries()) {
      const file = openAnyLayout(model);
      const keys = new Map(file.keys().map((key) => [todaysName(key), key]));
      inputs.push({ file, keys, ratio: config.ratios?.[i] ?? 1 / config.models.length });
    }
    tell(config, inputs, context);
    const tensors = mergedTensors(config, inputs);
    let done = 0;
    await writeSafetensorsSlowly(output, tensors, null, () => {
      context.progress({ task: "merging", step: ++done, total: tensors.length });
      return hearSignals(context);
    });
  } finally {
    for (const { file } of inputs) file.close();
  }
  context.log(`saved ${output}`);
  context.emit({ event: "save", what: "model", path: output, step: 0 });
}

/** Which tensors are not in all models. */
function tell(
  { showSkipped, unetOnly }: MergeModelsConfig,
  [first, ...others]: Input[],
  context: JobContext,
): void {
  for (const { file, keys } of others) {
    for (const key of first.keys.keys()) {
      if (keys.has(key) || unetOnly && !isUnetKey(key)) continue;
      context.warn(`${file.path}: has no ${key}, the first model's counts for it`);
    }
    if (!showSkipped) continue;
    for (const key of keys.keys()) if (!first.keys.has(key)) context.log(`skipped ${key} of ${file.path}`);
  }
}

function mergedTensors(config: MergeModelsConfig, inputs: readonly Input[]): TensorToWrite[] {
  const [first] = inputs, dtype = saveDtypeOf(config.savingPrecision), round = rounding(config.precision);
  return [...first.keys].map(([name, key]): TensorToWrite => {
    const { dtype: stored, shape } = first.file.info(key);
    // positions and counters are no weights; the reference makes sums of them
    if (config.compat === null && !isFloating(stored)) {
      return { name, dtype: stored, shape, copied: true, data: () => first.file.bytes(key) };
    }
    return { name, dtype, shape, data: () => toDtype(merged(config, name, inputs, round), dtype) };
  });
}

/** sum of ratio * W; what a model lacks counts as the first's. Every step is rounded. */
function merged(
  { unetOnly, compat }: MergeModelsConfig,
  name: string,
  inputs: readonly Input[],
  round: (values: Float32Array) => Float32Array,
): Float32Array {
  const [first, ...others] = inputs, key = first.keys.get(name)!;
  const scaled = (values: Float32Array, ratio: number) =>
    round(round(values).map((v) => v * Math.fround(ratio)));
  if (unetOnly && !isUnetKey(name)) return round(first.file.f32(key));
  let sum = scaled(first.file.f32(key), first.ratio), lacking = 0;
  for (const { file, keys, ratio } of others) {
    const theirs = keys.get(name);
    // the reference looks for today's name, and so takes a text encoder of old names for missing as well
    if (theirs === undefined || compat !== null && theirs !== name) lacking += ratio;
    if (theirs === undefined) continue;
    sum = add(sum, scaled(sameShape(first.file, key, file, theirs), ratio), round);
  }
  return lacking === 0 ? sum : add(sum, scaled(first.file.f32(key), lacking), round);
}

function add(a: Float32Array, b: Float32Array, round: (values: Float32Array) => Float32Array): Float32Array {
  return round(a.map((v, i) => v + b[i]));
}

function sameShape(first: TensorFile, key: string, file: TensorFile, theirs: string): Float32Array {
  const [ours, other] = [first.info(key).shape, file.info(theirs).shape];
  if (ours.join() === other.join()) return file.f32(theirs);
  throw new UserError(
    `${file.path}: ${theirs} is [${other.join(", ")}], in ${first.path} it is [${ours.join(", ")}]; ` +
      "merge models of one family",
  );
}

/** Neither autoencoder nor text encoder. */
function isUnetKey(key: string): boolean {
  return !/first_stage_model|cond_stage_model|conditioner\./.test(key);
}

/** Old checkpoints lack the level text_model. */
function todaysName(key: string): string {
  return key.replace(
    /^cond_stage_model\.transformer\.(?=(embeddings|encoder|final_layer_norm)\.)/,
    "$&text_model.",
  );
}
