/** `easel convert_lora`: a network's file under others' keys, or as a plain LoRA. */

import { UsageError } from "../../../base/errors.ts";
import type { JobContext } from "../../../base/job.ts";
import { removeLeftoversOf } from "../../../base/files/leftovers.ts";
import { isSameFile } from "../../../base/files/links.ts";
import { counted } from "../../../base/phrases.ts";
import { openCheckpoint, type TensorFile } from "../../../formats/mod.ts";
import {
  floatRepr,
  type LoadedLora,
  pyJson,
  type SaveDtype,
  saveDtype,
  saveLora,
} from "../../../networks/mod.ts";
import { asLora } from "./as_lora.ts";
import { fitted, withModel } from "./fitting_model.ts";
import type { ConvertLoraConfig } from "../options.ts";

/** Throws UserError for what is no network, fits no model or cannot be said in the dialect; on Ctrl-C too nothing is written. */
export async function convertLora(
  config: ConvertLoraConfig,
  from: string,
  to: string,
  context: JobContext,
): Promise<void> {
  if (isSameFile(from, to)) {
    throw new UsageError(`OUT ${to}: is IN and would be replaced; give another name`);
  }
  removeLeftoversOf(to, context.log);
  using file = openCheckpoint(from);
  await withModel(config.sdModel, async (model) => {
    const { lora } = fitted(file, model, context.warn);
    const plain = config.to === "lora";
    const { modules, weights } = plain ? await asLora(file.path, lora, model, config, context) : lora;
    const metadata = plain ? loraMetadata(file, modules) : carried(file);
    const dtype = saveDtype(config.savePrecision) ?? dtypeOf(file, lora);
    saveLora(to, modules, weights, dtype, metadata, config.to === "lora" ? config.saveLoraKeys : config.to);
    context.log(counted(modules.length, "module"));
  });
  context.log(`saved ${to}`);
  context.emit({ event: "save", what: "model", path: to, step: 0 });
}

/** The one that all of a file's tensors have, float32 else. */
function dtypeOf(file: TensorFile, { weights }: LoadedLora): SaveDtype {
  const dtypes = new Set(
    file.keys().map((key) => file.info(key)).filter(({ shape }) => shape.length > 0).map((info) =>
      info.dtype
    ),
  );
  const [only] = dtypes;
  return weights.size > 0 && dtypes.size === 1 && (only === "F16" || only === "BF16") ? only : "F32";
}

function carried({ metadata }: Pick<TensorFile, "metadata">): Record<string, string> {
  const { sshs_model_hash: _, sshs_legacy_hash: __, ...rest } = metadata;
  return rest;
}

/** What the file said, but for what the network is now. */
function loraMetadata(
  file: Pick<TensorFile, "metadata">,
  modules: LoadedLora["modules"],
): Record<string, string> {
  const metadata = carried(file);
  const one = (values: number[], text: (x: number) => string) =>
    new Set(values).size === 1 ? text(values[0]) : "Dynamic";
  const large = modules.filter(({ shape }) => shape.length === 4 && shape[2] * shape[3] > 1);
  const rest = modules.filter((module) => !large.includes(module)), main = rest.length > 0 ? rest : large;
  const args: Record<string, string> = large.length === 0 ? {} : {
    conv_dim: one(large.map((m) => m.rank), String),
    conv_alpha: one(large.map((m) => m.alpha.value), floatRepr),
  };
  const comment = metadata.ss_training_comment;
  return {
    ...metadata,
    ss_network_module: "networks.lora",
    ss_network_dim: one(main.map((m) => m.rank), String),
    ss_network_alpha: one(main.map((m) => m.alpha.value), floatRepr),
    ss_network_args: pyJson(args),
    ss_training_comment: `converted from ${metadata.ss_network_module ?? "another network"}${
      comment ? `; ${comment}` : ""
    }`,
  };
}
