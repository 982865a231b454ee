/** `easel extract_lora_from_models`: what a model learned beyond another, as a LoRA (sd-scripts' script of that name). */

import { basename } from "node:path";
import { UserError } from "../../base/errors.ts";
import { removeLeftoversOf } from "../../base/files/leftovers.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import { counted } from "../../base/phrases.ts";
import type { TensorToWrite } from "../../formats/mod.ts";
import { checkFlags, type ModelFile, openModel, weightOf } from "../../models/mod.ts";
import {
  baseModelVersion,
  baseOf,
  byShape,
  clampFactors,
  factorsFrom,
  floatRepr,
  loraTargets,
  lowRank,
  modelSpec,
  pairKeys,
  pairTensors,
  pyJson,
  pyStr,
  rowsFor,
  saveDtype,
  saveTensors,
  type Target,
} from "../../networks/mod.ts";
import { openChosenDevice } from "../../runtime/mod.ts";
import type { ExtractLoraConfig } from "./options.ts";
import { rounding } from "./precision.ts";
import { Products } from "./products.ts";
import { keepRead } from "./read_files.ts";

/** sd-scripts' default of --clamp_quantile. */
const CLAMP_QUANTILE = 0.99;

/** Throws UserError for models that do not fit each other or do not differ, when the disk refuses, and on Ctrl-C. */
export async function extractLora(config: ExtractLoraConfig, context: JobContext): Promise<void> {
  keepRead(config.saveTo, { model_org: [config.modelOrg], model_tuned: [config.modelTuned] });
  removeLeftoversOf(config.saveTo, context.log);
  const original = openModel(config.modelOrg);
  try {
    const tuned = openModel(config.modelTuned);
    try {
      await extract(config, original, tuned, context);
    } finally {
      tuned.close();
    }
  } finally {
    original.close();
  }
  context.log(`saved ${config.saveTo}`);
  context.emit({ event: "save", what: "model", path: config.saveTo, step: 0 });
}

async function extract(
  config: ExtractLoraConfig,
  original: ModelFile,
  tuned: ModelFile,
  context: JobContext,
): Promise<void> {
  const { family, shapes } = original;
  for (const { family, path } of [original, tuned]) {
    checkFlags(family, { v2: config.v2, sdxl: config.sdxl }, path);
  }
  const all = loraTargets(shapes, family, { convolutions: config.convDim !== null });
  checkAlike(all, original, tuned);
  const round = rounding(config.loadPrecision ?? "float");
  const difference = (target: Target) => differenceOf(target, original, tuned, round);
  const text = all.filter(({ part }) => part !== "unet");
  const textDiffers = text.some((target) => largest(difference(target)) > config.minDiff);
  if (!textDiffers) {
    context.warn(
      `the text encoders differ by ${config.minDiff} at most (--min_diff); only the U-Net is extracted`,
    );
  }
  const targets = textDiffers ? all : all.filter(({ part }) => part === "unet");
  const dtype = saveDtype(config.savePrecision) ?? "F32";
  const keys = pairKeys(config.saveLoraKeys ?? "kohya", targets);
  const device = openChosenDevice(config.device ?? "auto", { threads: config.threads }, context.log);
  const products = new Products(device), tensors: TensorToWrite[] = [];
  let kept = 0, whole = 0;
  try {
    for (const [i, target] of targets.toSorted(byShape).entries()) {
      const values = difference(target), found = await nearest(values, target, config, products, context);
      kept += found.kept;
      whole += squares(values);
      tensors.push(
        ...pairTensors({ ...found, name: target.name, alpha: found.rank }, dtype, keys(target.name)),
      );
      context.progress({ task: "extracting", step: i + 1, total: targets.length });
    }
  } finally {
    products.close();
    device.close();
  }
  if (whole === 0) {
    throw new UserError(
      `${config.modelTuned}: has the weights of ${config.modelOrg}; there is nothing to extract`,
    );
  }
  saveTensors(config.saveTo, tensors, metadataOf(config, family));
  const share = (100 * Math.sqrt(kept / whole)).toFixed(1);
  context.log(`${counted(targets.length, "module")}; ${share}% of the difference's norm kept`);
}

interface Extracted {
  readonly rank: number;
  readonly downShape: readonly number[];
  readonly upShape: readonly number[];
  readonly down: Float32Array;
  readonly up: Float32Array;
  /** Squared norm of what the rank holds. */
  readonly kept: number;
}

async function nearest(
  values: Float32Array,
  { shape }: Target,
  config: ExtractLoraConfig,
  products: Products,
  context: JobContext,
): Promise<Extracted> {
  const [out, channels] = shape, width = values.length / out;
  const large = shape.length === 4 && shape[2] * shape[3] > 1;
  const rank = Math.min(large && config.convDim !== null ? config.convDim : config.dim, channels, out);
  const matrix = await products.matrix(values, out, width, rowsFor(rank, out, width));
  const found = await lowRank(matrix, rank, () => hearSignals(context));
  const { up, down } = factorsFrom(found, { rank, out, width });
  const compat = config.compat !== null, quantile = config.clampQuantile ?? (compat ? CLAMP_QUANTILE : null);
  if (quantile !== null) clampFactors(up, down, quantile, compat);
  const downShape = [rank, ...shape.slice(1)], upShape = shape.length === 4 ? [out, rank, 1, 1] : [out, rank];
  return { rank, downShape, upShape, down, up, kept: squares(found.values) };
}

/** tuned - original of one layer, as a matrix of its rows: two tensors of its size at a time, as a read one is ours. */
export function differenceOf(
  target: Pick<Target, "path">,
  original: Pick<ModelFile, "shapes" | "places">,
  tuned: Pick<ModelFile, "places">,
  round: (values: Float32Array) => Float32Array,
): Float32Array {
  const { key, part } = baseOf(target, (k) => original.shapes.has(k));
  const rows = (file: Pick<ModelFile, "places">) => {
    const values = round(weightOf(file, key));
    const third = values.length / 3;
    return part === null ? values : values.slice(part * third, (part + 1) * third);
  };
  const difference = rows(tuned), before = rows(original);
  for (let i = 0; i < difference.length; i++) difference[i] -= before[i];
  return difference;
}

function checkAlike(targets: readonly Target[], original: ModelFile, tuned: ModelFile): void {
  if (original.family !== tuned.family) {
    throw new UserError(
      `${tuned.path}: is ${tuned.family.label}, ${original.path} is ${original.family.label}; extract from models of one family`,
    );
  }
  for (const target of targets) {
    const { key } = baseOf(target, (k) => original.shapes.has(k));
    const [a, b] = [original, tuned].map(({ shapes }) => shapes.get(key)?.join(", ") ?? "missing");
    if (a !== b) {
      throw new UserError(
        `${tuned.path}: ${key} is [${b}], in ${original.path} [${a}]; extract from models of one kind`,
      );
    }
  }
}

function metadataOf(
  { dim, convDim, noMetadata, saveTo, vParameterization, compat }: ExtractLoraConfig,
  family: ModelFile["family"],
): Record<string, string> {
  const model = { family, vParameterization: vParameterization || family.spec.mergedVelocity };
  const args: Record<string, string> = convDim === null
    ? {}
    : { conv_dim: String(convDim), conv_alpha: floatRepr(convDim) };
  const least = {
    ss_v2: pyStr(family.flag === "v2"),
    ss_base_model_version: baseModelVersion(model),
    ss_network_module: "networks.lora",
    ss_network_dim: String(dim),
    ss_network_alpha: floatRepr(dim),
    ss_network_args: pyJson(args),
  };
  if (noMetadata) return least;
  return {
    ...least,
    ...modelSpec({
      ...model,
      version: compat === null ? "1.0.1" : "1.0.0",
      ...{ title: basename(saveTo).replace(/\.[^.]*$/, ""), author: null, description: null, license: null },
      ...{ tags: null, resolution: null, minTimestep: null, maxTimestep: null, clipSkip: null },
    }, Date.now() / 1000),
  };
}

const squares = (values: Float32Array | Float64Array) => {
  let sum = 0;
  for (const v of values) sum += v * v;
  return sum;
};

const largest = (values: Float32Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
