/** LoRAs added into a checkpoint's weights: W + ratio * alpha / rank * up down, tensor by tensor as it is written. */

import { modelPath } from "../../base/assets.ts";
import { UserError } from "../../base/errors.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import { type TensorFile, writeSafetensorsSlowly } from "../../formats/mod.ts";
import { checkFlags, checkpointTensors, openModel, requireFinite, weightOf } from "../../models/mod.ts";
import {
  baseOf,
  deltaOf,
  keysOf,
  type LoadedLora,
  loadLora,
  type NetworkModule,
} from "../../networks/mod.ts";
import { blockWeight, readBlockWeights } from "./block_weights.ts";
import type { MergeLoraConfig } from "./options.ts";
import { specOfMerge } from "./merged_spec.ts";

/** One LoRA's share in a tensor; `part`: which third of its rows, null for all. */
export interface Share {
  readonly module: NetworkModule;
  readonly part: number | null;
  readonly lora: LoadedLora;
  /** With the weight of the module's block. */
  readonly ratio: number;
}

type Round = (values: Float32Array) => Float32Array;

/**
 * Throws UserError when a LoRA does not fit the model, and what Ctrl-C asks for between two tensors; neither leaves a
 * file.
 */
export async function mergeIntoModel(
  config: MergeLoraConfig,
  files: readonly TensorFile[],
  round: Round,
  context: JobContext,
): Promise<void> {
  const model = openModel(modelPath(config.sdModel!));
  try {
    if (config.v2) checkFlags(model.family, { v2: true }, model.path);
    const shares = sharesByKey(
      files.map((file) => plainLora(file, loadLora(file, model.shapes, model.family, context.warn))),
      ratiosOf(config),
      model.shapes,
    );
    requireFinite(model, () => true);
    if (model.family.spec.mergedVelocity) {
      context.warn("a file does not say whether it predicts v; the metadata say that it does");
    }
    let done = 0;
    const changed = {
      has: (key: string) => shares.has(key),
      get(key: string) {
        const list = shares.get(key);
        if (!list) return undefined;
        const sum = mergedWeight(round(weightOf(model, key)), list, round);
        context.progress({ task: "merging", step: ++done, total: shares.size });
        return sum;
      },
    };
    const tensors = checkpointTensors(model, changed, config.savePrecision ?? config.precision);
    const metadata = { format: "pt", ...specOfMerge(config, model.family, [model, ...files]) };
    await writeSafetensorsSlowly(config.saveTo, tensors, metadata, () => hearSignals(context));
  } finally {
    model.close();
  }
}

/** Throws UserError for networks of another kind. */
function plainLora({ path }: TensorFile, lora: LoadedLora): LoadedLora {
  const other = lora.modules.find(({ kind }) => kind.name !== "LoRA");
  if (!other) return lora;
  throw new UserError(
    `${path}: holds other modules than LoRA's (${other.name}: ${other.kind.name}), which merge_lora does not merge yet; ` +
      "gen_img --network_merge takes the file",
  );
}

/** Each LoRA's ratio for a module. */
function ratiosOf({ ratios, lbws }: MergeLoraConfig): ((module: string) => number)[] {
  const weights = lbws === null ? null : readBlockWeights(lbws);
  return ratios.map((ratio, i) => (module) =>
    weights === null ? ratio : ratio * blockWeight(weights[i], module)
  );
}

/** Which modules change which tensor of the checkpoint; `ratios`: each LoRA's, for a module by name. */
export function sharesByKey(
  loras: readonly LoadedLora[],
  ratios: readonly ((module: string) => number)[],
  shapes: ReadonlyMap<string, readonly number[]>,
): Map<string, Share[]> {
  const shares = new Map<string, Share[]>();
  loras.forEach((lora, i) => {
    for (const module of lora.modules) {
      const { key, part } = baseOf(module, (k) => shapes.has(k));
      shares.set(key, [...shares.get(key) ?? [], { module, part, lora, ratio: ratios[i](module.name) }]);
    }
  });
  return shares;
}

/** The weight with every share added, each step rounded. */
export function mergedWeight(weight: Float32Array, shares: readonly Share[], round: Round): Float32Array {
  for (const { module, part, lora, ratio } of shares) {
    const keys = keysOf(module), { weights } = lora;
    const delta = deltaOf(module, round(weights.get(keys.down)!), round(weights.get(keys.up)!));
    const first = (part ?? 0) * delta.length;
    const scaled = round(delta.map((v) => v * ratio));
    scaled.forEach((v, i) => weight[first + i] += v);
    weight = round(weight);
  }
  return weight;
}
