/** What is written, when, and uploads. */

import {
  choice,
  flag,
  forgotten,
  group,
  idleZero,
  int,
  newer,
  noEffect,
  pathTo,
  required,
  sameAsUnset,
  secret,
  str,
} from "../../options/mod.ts";
import { FILE_FORMS, MODEL_FORMS } from "../../models/saving/forms.ts";

export const savingOptions = group("Saving", {
  output_dir: required(pathTo("folder", str(null, "output folder"))),
  output_name: sameAsUnset("", str(null, "base name of results")),
  save_precision: choice(
    ["float", "fp16", "bf16"],
    null,
    "number format of saved weights; unset = as trained",
  ),
  save_every_n_epochs: idleZero(int(null, "save each N epochs (not the last)", { min: 1 })),
  save_every_n_steps: idleZero(int(null, "save each N optimizer steps", { min: 1 })),
  save_n_epoch_ratio: idleZero(int(null, "save so that at least N files result", { min: 1 })),
  save_last_n_epochs: idleZero(int(null, "keep only the newest N epoch saves", { min: 0 })),
  save_last_n_epochs_state: idleZero(int(null, "same for state folders (overrides for states)", { min: 0 })),
  save_last_n_steps: idleZero(int(null, "remove step saves older than N steps", { min: 0 })),
  save_last_n_steps_state: idleZero(int(null, "same for state folders", { min: 0 })),
  save_state: flag("write resume state with each save and at the end"),
  save_state_on_train_end: flag("write resume state at the end only"),
  resume: forgotten(pathTo("folder", str(null, "state folder to continue from"))),
  no_metadata: flag("leave training metadata out (a minimum remains)"),
  save_model_as: choice(FILE_FORMS, "safetensors", "output container"),
  training_comment: str(null, "free text in metadata"),
});

const ONLY_SPECIFICATION = "files of ControlNets hold no metadata of their training";

/** Of what trains on conditioning pictures. */
export const conditionedSavingOptions = group("Saving", {
  ...savingOptions.rows,
  no_metadata: noEffect(ONLY_SPECIFICATION, savingOptions.rows.no_metadata),
  training_comment: noEffect(ONLY_SPECIFICATION, savingOptions.rows.training_comment),
});

/** Of trainings that save whole models. */
export const modelSavingOptions = group("Saving", {
  ...savingOptions.rows,
  save_model_as: choice(MODEL_FORMS, null, "a file or a Diffusers folder; unset = as the base model is"),
});

export const metadataOptions = group("Metadata", {
  metadata_title: str(null, "modelspec title"),
  metadata_author: str(null, "modelspec author"),
  metadata_description: str(null, "modelspec description"),
  metadata_license: str(null, "modelspec licence"),
  metadata_tags: str(null, "modelspec tags"),
  metadata_usage_hint: newer(str(null, "modelspec usage hint")),
  metadata_thumbnail: newer(str(null, "modelspec thumbnail (data URL or image file)")),
  metadata_merged_from: newer(str(null, "modelspec source models")),
  metadata_trigger_phrase: newer(str(null, "modelspec trigger phrase")),
  metadata_preprocessor: newer(str(null, "modelspec preprocessor")),
  metadata_is_negative_embedding: newer(str(null, "modelspec negative-embedding mark")),
});

export const hubOptions = group("Hugging Face hub", {
  huggingface_repo_id: str(null, "hub repository for uploads: owner/name"),
  huggingface_repo_type: str(null, "hub repository type: model (unset), dataset or space"),
  huggingface_path_in_repo: str(null, "path inside the hub repository"),
  huggingface_token: secret(str(null, "hub access token; unset takes HF_TOKEN or that of a login")),
  huggingface_repo_visibility: str(null, "'public' makes a created repository public, else private"),
  save_state_to_huggingface: flag("also upload training state folders"),
  resume_from_huggingface: flag("read resume as owner/repo/path[:revision[:type]] on the hub"),
  async_upload: flag("upload in the background"),
});
