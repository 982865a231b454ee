/** The forms that whole models are saved in (--save_model_as). */

import { openFile } from "../../base/files/regular_file.ts";
import { isFolder } from "../../base/files/exists.ts";
import { modelPath } from "../../base/assets.ts";

export const MODEL_FORMS = ["ckpt", "pt", "safetensors", "diffusers", "diffusers_safetensors"] as const;

export type ModelForm = typeof MODEL_FORMS[number];

/** The forms of a single file, in which networks are saved too. */
export const FILE_FORMS = ["ckpt", "pt", "safetensors"] as const;

export type FileForm = typeof FILE_FORMS[number];

/** Whether a form is a folder. */
export const isFolderForm = (form: ModelForm): form is "diffusers" | "diffusers_safetensors" =>
  form.startsWith("diffusers");

/** What a saved model's name ends in: ".ckpt", or "" for a folder. */
export const formEnding = (form: ModelForm) => isFolderForm(form) ? "" : `.${form}`;

/** The form that a model on the disk has; for a folder the one of safetensors, whatever it holds. */
export function formOf(given: string): ModelForm {
  const path = modelPath(given);
  if (isFolder(path)) return "diffusers_safetensors";
  using file = openFile(path);
  const start = new Uint8Array(9);
  file.readSync(start);
  // as openCheckpoint() tells them apart
  const torch = start[0] === 0x50 && start[1] === 0x4b || start[0] === 0x80 && start[8] !== 0x7b;
  return !torch ? "safetensors" : path.endsWith(".pt") ? "pt" : "ckpt";
}

/** The form that a path asks for by its ending; null for another ending. A path without one is a folder. */
export function formByName(path: string): ModelForm | null {
  const [, ending] = /\.([^./\\]+)$/.exec(path) ?? [];
  if (ending === undefined) return "diffusers_safetensors";
  const file = FILE_FORMS.find((form) => form === ending.toLowerCase());
  return file ?? (/^\d+$/.test(ending) ? "diffusers_safetensors" : null);
}
