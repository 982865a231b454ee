/** What a dataset file may hold, and where: the tables of sd-scripts 0.9.1 (library/config_util.py) as data. */

/** "number" is an integer or a float; "floats" two floats; "size" an integer or two. */
export type ValueKind = "bool" | "int" | "float" | "number" | "string" | "floats" | "size";
export type Table = Readonly<Record<string, ValueKind>>;

/** Which methods the script offers; train_network: DreamBooth, fine-tuning, dropout, and ControlNet with --masked_loss. */
export interface Supports {
  readonly dreambooth: boolean;
  readonly finetuning: boolean;
  readonly controlnet: boolean;
  readonly dropout: boolean;
}

/** What every command that trains takes. */
export const TRAIN_NETWORK: Supports = {
  dreambooth: true,
  finetuning: true,
  controlnet: false,
  dropout: true,
};

/** Pictures with conditioning pictures, and nothing else: what trains a ControlNet. */
export const CONDITIONED: Supports = {
  ...TRAIN_NETWORK,
  dreambooth: false,
  finetuning: false,
  controlnet: true,
};

/** What a dataset file of a training may hold where the command does not say: masks as --masked_loss asks for them. */
export const supportsOf = ({ maskedLoss = false }: { readonly maskedLoss?: boolean }): Supports => ({
  ...TRAIN_NETWORK,
  controlnet: maskedLoss,
});

export type Method = "dreambooth" | "finetuning" | "controlnet";

/** Allowed at every level: the nearest one counts. */
const SUBSET_ANYWHERE: Table = {
  color_aug: "bool",
  face_crop_aug_range: "floats",
  flip_aug: "bool",
  num_repeats: "int",
  random_crop: "bool",
  resize_interpolation: "string",
  shuffle_caption: "bool",
  keep_tokens: "int",
  keep_tokens_separator: "string",
  secondary_separator: "string",
  caption_separator: "string",
  enable_wildcard: "bool",
  token_warmup_min: "int",
  token_warmup_step: "number",
  caption_prefix: "string",
  caption_suffix: "string",
};

const DROPOUT_ANYWHERE: Table = {
  caption_dropout_every_n_epochs: "int",
  caption_dropout_rate: "number",
  caption_tag_dropout_rate: "number",
};

const DATASET_ANYWHERE: Table = {
  batch_size: "int",
  bucket_no_upscale: "bool",
  bucket_reso_steps: "int",
  enable_bucket: "bool",
  max_bucket_reso: "int",
  min_bucket_reso: "int",
  resolution: "size",
  network_multiplier: "float",
  validation_seed: "int",
  validation_split: "float",
};

/** Of one method, at every level. */
const METHOD_ANYWHERE: Readonly<Record<Method, Table>> = {
  dreambooth: { caption_extension: "string", class_tokens: "string", cache_info: "bool" },
  finetuning: {},
  controlnet: { caption_extension: "string", cache_info: "bool" },
};

/** In a subset only. */
const SUBSET_ONLY: Readonly<Record<Method, Table>> = {
  dreambooth: { image_dir: "string", is_reg: "bool", alpha_mask: "bool" },
  finetuning: { metadata_file: "string", image_dir: "string", alpha_mask: "bool" },
  controlnet: { image_dir: "string", conditioning_data_dir: "string" },
};

export const REQUIRED: Readonly<Record<Method, readonly string[]>> = {
  dreambooth: ["image_dir"],
  finetuning: ["metadata_file"],
  controlnet: ["image_dir", "conditioning_data_dir"],
};

function dropout(supports: Supports): Table {
  return supports.dropout ? DROPOUT_ANYWHERE : {};
}

export function subsetTable(method: Method, supports: Supports): Table {
  return { ...SUBSET_ANYWHERE, ...SUBSET_ONLY[method], ...METHOD_ANYWHERE[method], ...dropout(supports) };
}

/** Without "subsets", which is a list of tables. */
export function datasetTable(method: Method, supports: Supports): Table {
  return { ...DATASET_ANYWHERE, ...SUBSET_ANYWHERE, ...METHOD_ANYWHERE[method], ...dropout(supports) };
}

export function generalTable(supports: Supports): Table {
  return {
    ...DATASET_ANYWHERE,
    ...SUBSET_ANYWHERE,
    ...(supports.dreambooth ? METHOD_ANYWHERE.dreambooth : {}),
    ...(supports.controlnet ? METHOD_ANYWHERE.controlnet : {}),
    ...dropout(supports),
  };
}
