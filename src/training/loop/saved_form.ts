/** The form in which a training of a whole model saves it. */
import { formOf, isFolderForm, type ModelForm } from "../../models/mod.ts";
import type { PlaceConfig } from "../options.ts";
import type { OutputConfig } from "../options.ts";

export type FormConfig =
  & Pick<OutputConfig, "saveModelAs">
  & Pick<PlaceConfig, "pretrainedModelNameOrPath" | "compat">
  & { readonly useSafetensors?: boolean };

/**
 * What --save_model_as and --use_safetensors ask for; without them the form of the model that is trained. sd-scripts then
 * writes pickles whatever the model's form, unless --use_safetensors is given, and so does `compat`.
 */
export function savedForm(config: FormConfig): ModelForm {
  const { saveModelAs, useSafetensors = false, pretrainedModelNameOrPath, compat } = config;
  const own = () => formOf(pretrainedModelNameOrPath);
  const asked = saveModelAs ?? (compat === null ? own() : isFolderForm(own()) ? "diffusers" : "ckpt");
  if (!useSafetensors) return asked;
  return isFolderForm(asked) ? "diffusers_safetensors" : "safetensors";
}
