/** Saving whole models in whatever form: one file or a folder. */

import { writeFolder, writeFolderSlowly } from "../../base/files/whole_folder.ts";
import { writeTorch, writeTorchSlowly } from "../../formats/pickle/torch_writer.ts";
import { type TensorToWrite, writeSafetensors, writeSafetensorsSlowly } from "../../formats/mod.ts";
import {
  type ChangedTensors,
  checkpointTensors,
  placeholders,
  type SavedModel,
} from "./checkpoint_tensors.ts";
import {
  folderFiles,
  MODEL_FOLDERS,
  tokenizerTexts,
  writeFolderFile,
  writeFolderFileSlowly,
} from "./diffusers_folder.ts";
import { readFolderScheduler } from "../layouts/scheduler.ts";
import { isFolderForm, type ModelForm } from "./forms.ts";
import type { SavePrecision } from "./save_dtype.ts";

export {
  type ChangedTensors,
  checkpointTensors,
  NOTHING_CHANGED,
  placeholders,
  type SavedModel,
} from "./checkpoint_tensors.ts";
export { MODEL_FOLDERS } from "./diffusers_folder.ts";
export * from "./forms.ts";
export { saveDtypeOf, type SavePrecision, toDtype } from "./save_dtype.ts";

export interface SaveOptions {
  readonly form: ModelForm;
  /** null keeps what the file has. */
  readonly precision: SavePrecision | null;
  /** Whether the model predicts v, which a folder's scheduler says. */
  readonly vPrediction: boolean;
  /** As sd-scripts 0.9.1 even where that is wrong: folders of SD1 and SD2 ignore the precision. */
  readonly compat: boolean;
  /** Of a folder's files of tensors: "fp16". */
  readonly variant?: string | null;
  /** A folder whose scheduler and tokenizers a new one gets; null: the model's own, where it is a folder. */
  readonly reference?: string | null;
}

/** What a save says beside the tensors. */
export interface SaveNotes {
  /** Of a safetensors file. */
  readonly metadata: Readonly<Record<string, string>> | null;
  /** Of a .ckpt or .pt; those of the model's own file are added. */
  readonly epoch: number;
  readonly globalStep: number;
}

export interface ModelSaver {
  /** Writes all of the model, or nothing: a file or folder called `path`. Throws UserError. */
  save(path: string, changed: ChangedTensors, notes: SaveNotes): void;
  /** The same with `pause` awaited before each tensor as the file has it; what it throws leaves nothing. */
  saveSlowly(
    path: string,
    changed: ChangedTensors,
    notes: SaveNotes,
    pause: (next: TensorToWrite) => Promise<void>,
  ): Promise<void>;
}

type Tell = (line: string) => void;

/** Readies saving a model in one form; `tell` hears what becomes of a folder that is replaced. */
export async function modelSaver(model: SavedModel, options: SaveOptions, tell: Tell): Promise<ModelSaver> {
  const { form } = options;
  return isFolderForm(form)
    ? await folderSaver(model, options, tell)
    : fileSaver(model, { ...options, form });
}

function fileSaver(model: SavedModel, { form, precision, compat }: SaveOptions): ModelSaver {
  const tensors = (changed: ChangedTensors): TensorToWrite[] => [
    ...checkpointTensors(model, changed, precision, compat),
    ...(model.isFolder ? placeholders(model, precision, { compat }) : []),
  ];
  const counters = ({ epoch, globalStep }: SaveNotes) => ({
    epoch: epoch + (model.counters?.epoch ?? 0),
    global_step: globalStep + (model.counters?.globalStep ?? 0),
  });
  return {
    save(path, changed, notes) {
      if (form === "safetensors") writeSafetensors(path, tensors(changed), notes.metadata);
      else writeTorch(path, tensors(changed), counters(notes));
    },
    async saveSlowly(path, changed, notes, pause) {
      if (form === "safetensors") await writeSafetensorsSlowly(path, tensors(changed), notes.metadata, pause);
      else await writeTorchSlowly(path, tensors(changed), counters(notes), pause);
    },
  };
}

async function folderSaver(model: SavedModel, options: SaveOptions, tell: Tell): Promise<ModelSaver> {
  const reference = options.reference ?? (model.isFolder ? model.path : null);
  const texts = await tokenizerTexts(model.family, reference);
  const scheduler = reference === null ? null : readFolderScheduler(reference);
  const ignoresPrecision = options.compat && model.family.diffusers.ignoresPrecision;
  const files = (changed: ChangedTensors) => [
    ...texts,
    ...folderFiles(model, {
      changed,
      precision: ignoresPrecision ? "float" : options.precision,
      vPrediction: options.vPrediction,
      compat: options.compat,
      safetensors: options.form === "diffusers_safetensors",
      variant: options.variant ?? null,
      scheduler,
    }),
  ];
  return {
    save(path, changed) {
      writeFolder(path, MODEL_FOLDERS, (folder) => {
        for (const file of files(changed)) writeFolderFile(folder, file);
      }, tell);
    },
    async saveSlowly(path, changed, _, pause) {
      await writeFolderSlowly(path, MODEL_FOLDERS, async (folder) => {
        for (const file of files(changed)) await writeFolderFileSlowly(folder, file, pause);
      }, tell);
    },
  };
}
