/** Where people begin: options by the family of the model, what is trained, and the memory of the card. */

import type { Texts } from "../../options/given/config_file.ts";

type Values = Readonly<Record<string, Texts>>;

export interface FormPreset {
  readonly id: string;
  /** Names as people say them, the same in every language. */
  readonly family: string;
  readonly method: string;
  readonly memory: string;
  readonly command: string;
  readonly values: Values;
}

/** Of every training here: captions beside the pictures, a file after each epoch, the pictures encoded once. */
const COMMON: Values = {
  caption_extension: ".txt",
  enable_bucket: true,
  cache_latents: true,
  mixed_precision: "bf16",
  lr_scheduler: "cosine",
  min_snr_gamma: "5",
  save_every_n_epochs: "1",
  seed: "42",
};

/** What is trained. A LoRA's alpha is half its rank: its rate is one for the common 1e-4. */
const LORA: Values = {
  network_module: "networks.lora",
  network_dim: "16",
  network_alpha: "8",
  learning_rate: "1e-4",
  optimizer_type: "AdamW8bit",
  max_train_epochs: "10",
};
const LOCON: Values = { ...LORA, network_args: ["conv_dim=8", "conv_alpha=4"] };
const LOHA: Values = {
  ...LORA,
  network_module: "lycoris.kohya",
  network_dim: "8",
  network_alpha: "4",
  network_args: ["algo=loha", "conv_dim=4", "conv_alpha=2"],
};
/** Adafactor with a fused backward pass holds neither moments nor all gradients at once. */
const FULL_SMALL: Values = {
  learning_rate: "5e-6",
  lr_scheduler: "constant",
  optimizer_type: "Adafactor",
  optimizer_args: ["relative_step=False", "scale_parameter=False", "warmup_init=False"],
  fused_backward_pass: true,
  full_bf16: true,
  gradient_checkpointing: true,
  max_train_epochs: "5",
};
const FULL: Values = {
  learning_rate: "5e-6",
  optimizer_type: "AdamW8bit",
  gradient_checkpointing: true,
  max_train_epochs: "5",
};

const SD15: Values = { resolution: "512,512" };
/** The text encoders rest, so that captions are encoded once and they need no memory. */
const SDXL: Values = { resolution: "1024,1024", gradient_checkpointing: true, no_half_vae: true };
const SDXL_RESTING: Values = { ...SDXL, cache_text_encoder_outputs: true };
const UNET_ONLY: Values = { network_train_unet_only: true };

const batch = (size: number): Values => ({ train_batch_size: String(size) });

/** A desktop takes some of a card's memory too. */
const GB8: Values = { vram_budget: "7.5GB" }, GB12: Values = { vram_budget: "11.5GB" };
const GB24: Values = { vram_budget: "23GB" };

type Row = readonly [family: string, method: string, memory: string, command: string, ...parts: Values[]];

const ROWS: readonly Row[] = [
  ["builtin:tiny", "LoRA", "CPU", "train_network", LORA, {
    pretrained_model_name_or_path: "builtin:tiny",
    resolution: "128,128",
    enable_bucket: false, // no bucket is as small
    mixed_precision: "no",
    optimizer_type: "AdamW",
    learning_rate: "1e-3",
    network_dim: "8",
    train_batch_size: "4",
    max_train_epochs: "20",
  }],
  ["SD 1.5", "LoRA", "8 GB", "train_network", SD15, LORA, batch(1), GB8],
  ["SD 1.5", "LoRA", "12 GB", "train_network", SD15, LORA, batch(2), GB12],
  ["SD 1.5", "LoRA", "24 GB", "train_network", SD15, LORA, batch(4), GB24],
  ["SD 1.5", "LoCon", "8 GB", "train_network", SD15, LOCON, batch(1), GB8],
  ["SD 1.5", "LoCon", "12 GB", "train_network", SD15, LOCON, batch(2), GB12],
  ["SD 1.5", "LoCon", "24 GB", "train_network", SD15, LOCON, batch(4), GB24],
  ["SD 1.5", "LoHa", "12 GB", "train_network", SD15, LOHA, batch(2), GB12],
  ["SD 1.5", "Full", "12 GB", "fine_tune", SD15, FULL_SMALL, batch(1), GB12],
  ["SD 1.5", "Full", "24 GB", "fine_tune", SD15, FULL, batch(4), GB24],
  [
    "SDXL",
    "LoRA",
    "8 GB",
    "sdxl_train_network",
    SDXL_RESTING,
    UNET_ONLY,
    LORA,
    { fp8_base: true },
    batch(1),
    GB8,
  ],
  ["SDXL", "LoRA", "12 GB", "sdxl_train_network", SDXL_RESTING, UNET_ONLY, LORA, batch(1), GB12],
  ["SDXL", "LoRA", "24 GB", "sdxl_train_network", SDXL, LORA, batch(4), GB24],
  ["SDXL", "LoCon", "12 GB", "sdxl_train_network", SDXL_RESTING, UNET_ONLY, LOCON, batch(1), GB12],
  ["SDXL", "LoCon", "24 GB", "sdxl_train_network", SDXL, LOCON, batch(4), GB24],
  ["SDXL", "LoHa", "24 GB", "sdxl_train_network", SDXL, LOHA, batch(4), GB24],
  ["SDXL", "Full", "24 GB", "sdxl_train", SDXL_RESTING, FULL_SMALL, batch(1), GB24],
];

export const FORM_PRESETS: readonly FormPreset[] = ROWS.map((
  [family, method, memory, command, ...parts],
) => ({
  id: [family, method, memory].join(" / "),
  ...{ family, method, memory, command },
  values: Object.fromEntries(
    Object.entries<Texts>(Object.assign({}, COMMON, ...parts)).filter(([, value]) => value !== false),
  ),
}));
