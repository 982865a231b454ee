/** `easel svd_merge_lora`: the weighted sum of LoRAs as one LoRA of a given rank (sd-scripts' script of that name). */

import { removeLeftoversOf } from "../../base/files/leftovers.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import { counted } from "../../base/phrases.ts";
import { openCheckpoint, type TensorFile, type TensorToWrite } from "../../formats/mod.ts";
import {
  clampFactors,
  factorsFrom,
  type MergedModule,
  mergeNetworks,
  type PairKeys,
  pairTensors,
  productSvd,
  pyJson,
  saveDtype,
  saveTensors,
} from "../../networks/mod.ts";
import { keysFor } from "./any_kind/fitting_model.ts";
import { blockWeight, readBlockWeights } from "./block_weights.ts";
import { least, loraFamily, mergeInputs } from "./merge_inputs.ts";
import { specOfMerge } from "./merged_spec.ts";
import type { SvdMergeConfig } from "./options.ts";
import { rounding } from "./precision.ts";
import { keepRead } from "./read_files.ts";

/** sd-scripts cuts the largest values off, which moves the result by several percent; here with `compat` alone. */
const CLAMP_QUANTILE = 0.99;

/** Throws UserError for files that do not fit each other, when the disk refuses, and on Ctrl-C. */
export async function svdMergeLora(config: SvdMergeConfig, context: JobContext): Promise<void> {
  const weights = config.lbws === null ? null : readBlockWeights(config.lbws);
  keepRead(config.saveTo, { models: config.models });
  removeLeftoversOf(config.saveTo, context.log);
  const files: TensorFile[] = [];
  try {
    for (const path of config.models) files.push(openCheckpoint(path));
    const family = loraFamily(files);
    const inputs = mergeInputs(files, config.ratios, family, context.warn).map((input, i) => ({
      ...input,
      weightOf: weights === null ? undefined : (module: string) => blockWeight(weights[i], module),
    }));
    const round = rounding(config.precision);
    // joined ranks are the exact sum; what is left is to lower the rank
    const sums = mergeNetworks(inputs, { concat: true, compat: false, shuffle: null, round });
    const keys = keysFor(config.saveLoraKeys, files[0], sums);
    const tensors = await lowered(sums, keys, config, context);
    const rank = config.newRank, convRank = config.newConvRank ?? rank;
    const metadata = {
      ...least(files, String(rank), String(rank)),
      ss_network_args: pyJson({ conv_dim: convRank, conv_alpha: convRank }),
    };
    saveTensors(config.saveTo, tensors, {
      ...metadata,
      ...specOfMerge({ ...config, sdModel: null }, family, files),
    });
  } finally {
    files.forEach((file) => file.close());
  }
  context.log(`saved ${config.saveTo}`);
  context.emit({ event: "save", what: "model", path: config.saveTo, step: 0 });
}

async function lowered(
  sums: readonly MergedModule[],
  keys: (name: string) => PairKeys,
  config: SvdMergeConfig,
  context: JobContext,
): Promise<TensorToWrite[]> {
  const dtype = saveDtype(config.savePrecision ?? config.precision) ?? "F32";
  const tensors: TensorToWrite[] = [];
  let kept = 0, whole = 0;
  for (const [i, sum] of sums.entries()) {
    await hearSignals(context);
    const { name, downShape, upShape } = sum, out = upShape[0], width = sum.down.length / sum.rank;
    const large = downShape.length === 4 && downShape[2] * downShape[3] > 1;
    const wanted = large ? config.newConvRank ?? config.newRank : config.newRank;
    const rank = Math.min(wanted, downShape[1], out), scale = sum.alpha / sum.rank;
    const found = productSvd(sum.up, sum.down, sum.rank);
    found.values.forEach((v, k) => {
      found.values[k] = v * scale;
      whole += found.values[k] ** 2;
      if (k < rank) kept += found.values[k] ** 2;
    });
    const { up, down } = factorsFrom(found, { rank, out, width });
    if (config.compat !== null) clampFactors(up, down, CLAMP_QUANTILE, true);
    const pair = {
      ...{ name, alpha: rank, integerAlpha: true, down, up },
      ...{ downShape: [rank, ...downShape.slice(1)], upShape: [out, rank, ...upShape.slice(2)] },
    };
    tensors.push(...pairTensors(pair, dtype, keys(name)));
    context.progress({ task: "merging", step: i + 1, total: sums.length });
  }
  const share = whole === 0 ? "100.0" : (100 * Math.sqrt(kept / whole)).toFixed(1);
  context.log(`${counted(sums.length, "module")}; ${share}% of the sum's norm kept`);
  return tensors;
}
