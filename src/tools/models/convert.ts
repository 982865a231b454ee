/** A model from one form to another, tensor by tensor: it is never in memory as a whole. */

import { basename, dirname } from "node:path";
import { modelPath } from "../../base/assets.ts";
import { UsageError } from "../../base/errors.ts";
import { removeLeftoversOf } from "../../base/files/leftovers.ts";
import { isSameFile } from "../../base/files/links.ts";
import { tidyFolders } from "../../base/files/whole_folder.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import {
  checkFlags,
  isFolderForm,
  MODEL_FOLDERS,
  type ModelFile,
  type ModelForm,
  modelSaver,
  NOTHING_CHANGED,
  openAnyLayout,
  openModel,
  type Parts,
  predictsVelocity,
  type SavePrecision,
} from "../../models/mod.ts";

export interface ConvertConfig {
  readonly from: string;
  readonly to: string;
  readonly form: ModelForm;
  readonly parts: Parts;
  /** null keeps what the tensors are. */
  readonly precision: SavePrecision | null;
  /** Of the files of a folder that is read, and of one that is written. */
  readonly variant: string | null;
  readonly saveVariant: string | null;
  /** What the user says the model is; null leaves that to the file. */
  readonly v1: boolean;
  readonly v2: boolean;
  /** null: as the file says. */
  readonly vPrediction: boolean | null;
  /** Of a safetensors file; "kept" are those of the file that is read. */
  readonly metadata: Readonly<Record<string, string>> | null | "kept";
  /** Of a .ckpt. */
  readonly epoch: number;
  readonly globalStep: number;
  /** A folder whose scheduler and tokenizers a new folder gets. */
  readonly reference: string | null;
  readonly compat: boolean;
}

/** Throws UserError for what is no model, when the disk refuses, and what Ctrl-C asks for; none of these leaves anything. */
export async function convertModel(config: ConvertConfig, context: JobContext): Promise<void> {
  const { from, to, form } = config;
  if (isSameFile(to, modelPath(from))) {
    throw new UsageError(`${to}: is the model that is read and would be replaced; give another name`);
  }
  if (isFolderForm(form)) {
    tidyFolders(
      dirname(to),
      (name) => name === basename(to),
      MODEL_FOLDERS,
      context.log,
    );
  } else removeLeftoversOf(to, context.log);
  const open = (path: string) => openAnyLayout(path, config.variant);
  const model = openModel(modelPath(from), { ...config.parts, open });
  try {
    checkFlags(model.family, { v1: config.v1, v2: config.v2 }, from);
    await save(config, model, context);
  } finally {
    model.close();
  }
  context.log(`saved ${to}`);
  context.emit({ event: "save", what: "model", path: to, step: 0 });
}

async function save(config: ConvertConfig, model: ModelFile, context: JobContext): Promise<void> {
  const { to, form, precision, compat } = config;
  const vPrediction = config.vPrediction ?? predictsVelocity(model);
  const saver = await modelSaver(model, {
    form,
    precision,
    vPrediction,
    compat,
    variant: config.saveVariant,
    reference: config.reference,
  }, context.log);
  // a folder's scheduler says it, a file has no other place for it
  const said: Record<string, string> = vPrediction && model.isFolder
    ? { "modelspec.prediction_type": "v" }
    : {};
  const kept = { ...Object.keys(model.metadata).length > 0 ? model.metadata : { format: "pt" }, ...said };
  const metadata = config.metadata === "kept" ? kept : config.metadata;
  let done = 0;
  const total = model.places.size + model.rest.size;
  await saver.saveSlowly(to, NOTHING_CHANGED, {
    metadata,
    epoch: config.epoch,
    globalStep: config.globalStep,
  }, () => {
    context.progress({ task: "converting", step: Math.min(++done, total), total });
    return hearSignals(context);
  });
}
