/** Networks added into a checkpoint's weights: W + ratio * change, tensor by tensor as it is written. */

import { modelPath } from "../../base/assets.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import type { TensorFile } from "../../formats/mod.ts";
import {
  checkFlags,
  formByName,
  type ModelFile,
  modelSaver,
  openModel,
  requireFinite,
  weightOf,
} from "../../models/mod.ts";
import { baseOf, basesOf, type LoadedLora, loadLora, type NetworkModule } from "../../networks/mod.ts";
import { openChosenDevice } from "../../runtime/mod.ts";
import { Changes } from "./any_kind/changes.ts";
import { blockWeight, readBlockWeights } from "./block_weights.ts";
import type { MergeLoraConfig } from "./options.ts";
import { specOfMerge } from "./merged_spec.ts";

/** One network's share in a tensor. */
export interface Share {
  readonly module: NetworkModule;
  /** The layer's bias, and not its weight. */
  readonly bias: boolean;
  /** Which third of the tensor's rows, null for all. */
  readonly part: number | null;
  readonly lora: LoadedLora;
  /** With the weight of the module's block. */
  readonly ratio: number;
}

type Round = (values: Float32Array) => Float32Array;

/**
 * Throws UserError when a network does not fit the model, and what Ctrl-C asks for between two tensors; neither leaves a
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
      files.map((file) => loadLora(file, model.shapes, model.family, context.warn)),
      ratiosOf(config),
      model.shapes,
    );
    requireFinite(model, () => true);
    if (model.family.spec.mergedVelocity) {
      context.warn("a file does not say whether it predicts v; the metadata say that it does");
    }
    const device = openChosenDevice(config.device ?? "auto", { threads: config.threads }, context.log);
    const changes = new Changes(device);
    try {
      await write(config, { model, files, shares, round, changes }, context);
    } finally {
      changes.close();
      device.close();
    }
  } finally {
    model.close();
  }
}

async function write(
  config: MergeLoraConfig,
  { model, files, shares, round, changes }: {
    readonly model: ModelFile;
    readonly files: readonly TensorFile[];
    readonly shares: ReadonlyMap<string, readonly Share[]>;
    readonly round: Round;
    readonly changes: Changes;
  },
  context: JobContext,
): Promise<void> {
  const options = {
    ...{
      form: formByName(config.saveTo) ?? "safetensors",
      precision: config.savePrecision ?? config.precision,
    },
    ...{ vPrediction: false, compat: false },
  };
  const saver = await modelSaver(model, options, context.log);
  const metadata = { format: "pt", ...specOfMerge(config, model.family, [model, ...files]) };
  // what is written next, made before its turn because a device computes it
  let made: Float32Array | undefined, done = 0;
  const changed = {
    has: (key: string) => shares.has(key),
    get: (key: string) => shares.has(key) ? made : undefined,
  };
  await saver.saveSlowly(config.saveTo, changed, { metadata, epoch: 0, globalStep: 0 }, async ({ name }) => {
    await hearSignals(context);
    const list = shares.get(name);
    if (!list) return;
    made = await mergedWeight(round(weightOf(model, name)), list, round, changes);
    context.progress({ task: "merging", step: ++done, total: shares.size });
  });
}

/** Each LoRA's ratio for a module. */
function ratiosOf({ ratios, lbws }: MergeLoraConfig): ((module: string) => number)[] {
  const weights = lbws === null ? null : readBlockWeights(lbws);
  return ratios.map((ratio, i) => (module) =>
    weights === null ? ratio : ratio * blockWeight(weights[i], module)
  );
}

/** Which modules change which tensor of the checkpoint; `ratios`: each network's, for a module by name. */
export function sharesByKey(
  loras: readonly LoadedLora[],
  ratios: readonly ((module: string) => number)[],
  shapes: ReadonlyMap<string, readonly number[]>,
): Map<string, Share[]> {
  const shares = new Map<string, Share[]>();
  loras.forEach((lora, i) => {
    for (const module of lora.modules) {
      const has = (key: string) => shapes.has(key), { part } = baseOf(module, has);
      basesOf(module, has).forEach((key, at) => {
        const share = { module, bias: at > 0, part, lora, ratio: ratios[i](module.name) };
        shares.set(key, [...shares.get(key) ?? [], share]);
      });
    }
  });
  return shares;
}

/** The tensor with every share added, one after the other, each step rounded. */
export async function mergedWeight(
  weight: Float32Array,
  shares: readonly Share[],
  round: Round,
  changes: Changes,
): Promise<Float32Array> {
  for (const { module, bias, part, lora, ratio } of shares) {
    const rounded = new Map(
      Object.keys(module.tensors).map((suffix) => `${module.name}.${suffix}`)
        .map((key) => [key, round(lora.weights.get(key)!)]),
    );
    const size = part === null ? weight.length : weight.length / 3, first = (part ?? 0) * size;
    const change = bias
      ? await changes.ofBias(module, rounded)
      : await changes.ofWeight(module, rounded, () => weight.slice(first, first + size));
    if (change === null) continue;
    round(change.map((v) => v * ratio)).forEach((v, i) => weight[first + i] += v);
    weight = round(weight);
  }
  return weight;
}
