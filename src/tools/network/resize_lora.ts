/** `easel resize_lora`: a LoRA file of lower rank. */

import { removeLeftoversOf } from "../../base/files/leftovers.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import { counted } from "../../base/phrases.ts";
import { openCheckpoint, type TensorToWrite } from "../../formats/mod.ts";
import {
  DOWN,
  familyOfLora,
  fileModules,
  floatRepr,
  type PairKeys,
  pairTensors,
  type ResizedModule,
  resizeModule,
  saveDtype,
  saveTensors,
} from "../../networks/mod.ts";
import { keysFor } from "./any_kind/fitting_model.ts";
import type { ResizeLoraConfig } from "./options.ts";
import { keepRead } from "./read_files.ts";

/** Throws UserError for what is no LoRA, and when the disk refuses. */
export async function resizeLora(config: ResizeLoraConfig, context: JobContext): Promise<void> {
  keepRead(config.saveTo, { model: [config.model] });
  removeLeftoversOf(config.saveTo, context.log);
  using file = openCheckpoint(config.model);
  const modules = fileModules(file, familyOfLora(file), context.warn);
  const dtype = saveDtype(config.savePrecision) ?? "F32";
  const compat = config.compat !== null, largest = Math.max(...modules.map((m) => m.rank));
  // the reference calls the first linear layer's rank the file's
  const oldRank = (compat ? modules.find((m) => m.downShape.length === 2)?.rank : null) ?? largest;
  const within = (rank: number) => compat ? rank : Math.min(rank, largest);
  if (config.newRank > largest && !compat) {
    context.warn(`${config.model}: its largest rank is ${largest}; --new_rank ${config.newRank} raises none`);
  }
  const keysOf = keysFor(config.saveLoraKeys, file, modules);
  const options = {
    newRank: within(config.newRank),
    newConvRank: within(config.newConvRank ?? config.newRank),
    dynamicMethod: config.dynamicMethod,
    dynamicParam: config.dynamicParam ?? 0,
    compat,
  };
  const tensors: TensorToWrite[] = [], kept: number[] = [];
  let alpha = 0;
  for (const [i, module] of modules.entries()) {
    await hearSignals(context);
    const resized = resizeModule(module, options), { downShape, upShape } = module;
    if (config.verbose) context.log(describe(module.name, resized, config.dynamicMethod !== null));
    if (!Number.isNaN(resized.froRetained)) kept.push(resized.froRetained);
    alpha = resized.alpha;
    const { rank, down, up } = resized;
    const pair = {
      ...{ name: module.name, alpha, down, up },
      ...{ downShape: [rank, ...downShape.slice(1)], upShape: [upShape[0], rank, ...upShape.slice(2)] },
    };
    tensors.push(
      ...pairTensors(
        pair,
        dtype,
        config.saveLoraKeys === null ? withAlpha(module.keys) : keysOf(module.name),
      ),
    );
    context.progress({ task: "resizing", step: i + 1, total: modules.length });
  }
  saveTensors(config.saveTo, tensors, resizedMetadata(file.metadata, config, options, oldRank, alpha));
  const mean = kept.reduce((sum, share) => sum + share, 0) / kept.length;
  context.log(`${counted(modules.length, "module")}; ${percent(mean)} of Frobenius norms kept on average`);
  context.log(`saved ${config.saveTo}`);
  context.emit({ event: "save", what: "model", path: config.saveTo, step: 0 });
}

/** A file in sd-scripts' keys gets alpha, also where it had none. */
function withAlpha(keys: PairKeys): PairKeys {
  const place = keys.down.endsWith(`.${DOWN}`) ? keys.down.slice(0, -DOWN.length) : null;
  return place === null ? keys : { ...keys, alpha: `${place}alpha` };
}

function describe(name: string, r: ResizedModule, dynamic: boolean): string {
  return `${name}: sum(S) retained ${percent(r.sumRetained)}, fro retained ${
    percent(r.froRetained)
  }, max(S) ratio ${r.maxRatio.toFixed(1)}${dynamic ? `, dim ${r.rank}, alpha ${floatRepr(r.alpha)}` : ""}`;
}

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

/** The file's metadata with what has changed, worded as sd-scripts does. */
function resizedMetadata(
  metadata: Readonly<Record<string, string>>,
  { dynamicMethod, dynamicParam }: Pick<ResizeLoraConfig, "dynamicMethod" | "dynamicParam">,
  { newRank, newConvRank }: { newRank: number; newConvRank: number },
  oldRank: number,
  alpha: number,
): Record<string, string> {
  const comment = metadata.ss_training_comment ?? "";
  if (dynamicMethod !== null) {
    const rule = `${dynamicMethod}: ${floatRepr(dynamicParam ?? 0)}`;
    return {
      ...metadata,
      ss_training_comment: `Dynamic resize with ${rule} from ${oldRank}; ${comment}`,
      ss_network_dim: "Dynamic",
      ss_network_alpha: "Dynamic",
    };
  }
  const conv = newRank === newConvRank ? "" : ` (conv: ${newConvRank})`;
  return {
    ...metadata,
    ss_training_comment: `dimension is resized from ${oldRank} to ${newRank}${conv}; ${comment}`,
    ss_network_dim: String(newRank),
    ss_network_alpha: floatRepr(alpha),
  };
}
