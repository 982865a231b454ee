/**
 * Keys of LoRA files as others write them: sd-scripts and LyCORIS, diffusers' three generations, PEFT on its own, and
 * ComfyUI's, which are the checkpoint's. One table of suffixes, one of what module names begin with.
 */

import { SUFFIXES as KNOWN } from "../kinds/mod.ts";

export interface FileKey {
  /** sd-scripts' module name: lora_unet_..., lora_te_..., lora_te1_..., lora_te2_... */
  readonly name: string;
  /** The kind's own name of the tensor, or "alpha". */
  readonly suffix: string;
}

const DOWN = "lora_down.weight", UP = "lora_up.weight";

/** What others call the tensors. */
const ALIASES: Readonly<Record<string, string>> = {
  "lora_A.weight": DOWN, // diffusers with peft
  "lora_B.weight": UP,
  "lora_A.default.weight": DOWN,
  "lora_B.default.weight": UP,
  "lora.down.weight": DOWN, // diffusers before peft
  "lora.up.weight": UP,
  "lora_linear_layer.down.weight": DOWN,
  "lora_linear_layer.up.weight": UP,
  "oft_R.default.weight": "oft_R.weight", // PEFT's OFT
  "lora_magnitude_vector": "dora_scale", // PEFT's DoRA
  "lora_magnitude_vector.weight": "dora_scale",
  "lora_magnitude_vector.default.weight": "dora_scale",
};

/** What a module's path may begin with, dots being underscores; `1` is where the first text encoder's number goes. */
const PREFIXES: readonly [RegExp, string][] = [
  [/^(?=(lora|oft)_(unet|te)\d?_)/, ""],
  [/^diffusion_model_/, "lora_unet_"], // ComfyUI
  [/^text_encoders_clip_[lh]_transformer_|^clip_[lh]_transformer_/, "lora_te1_"],
  [/^(text_encoders_)?clip_g_transformer_/, "lora_te2_"],
  [/^text_encoder_2_/, "lora_te2_"], // diffusers
  [/^text_encoder_/, "lora_te1_"],
  [/^(?=text_model_)/, "lora_te1_"], // PEFT, of a text encoder alone
  [/^unet_/, "lora_unet_"],
  [/^/, "lora_unet_"], // the oldest files hold the U-Net only
];

/** The longest first: what ends in a shorter one too is the longer. */
const SUFFIXES = [
  "alpha",
  ...KNOWN,
  ...Object.keys(ALIASES),
].toSorted((a, b) => b.length - a.length);

/** What a key says, null when it is of no known kind. `numbered`: there are several text encoders, the first is te1. */
export function parseFileKey(key: string, numbered: boolean): FileKey | null {
  // attention processors: unet.X.attn1.processor.to_out_lora.down.weight
  key = key.replace(/^base_model\.model\./, ""); // peft on its own puts this in front
  const old = /^(.+)\.processor\.(to_q|to_k|to_v|to_out)_lora\.(down|up)\.weight$/.exec(key);
  if (old) {
    const [, attention, layer, side] = old;
    return {
      name: moduleName(`${attention}.${layer === "to_out" ? "to_out.0" : layer}`, numbered),
      suffix: side === "down" ? DOWN : UP,
    };
  }
  const suffix = SUFFIXES.find((s) => key.endsWith(`.${s}`));
  // IA3's tensor is called as everybody's: only what is a LyCORIS module's name has one
  if (!suffix || suffix === "weight" && !/^lora_(unet|te)[^.]*\.weight$/.test(key)) return null;
  return { name: moduleName(key.slice(0, -suffix.length - 1), numbered), suffix: ALIASES[suffix] ?? suffix };
}

function moduleName(path: string, numbered: boolean): string {
  const flat = path.replaceAll(".", "_"), [prefix, ours] = PREFIXES.find(([pattern]) => pattern.test(flat))!;
  return flat.replace(prefix, numbered ? ours : ours.replace("te1", "te"));
}

/** The name of a textual inversion that lies in the file beside the LoRA, null for other keys. */
export function bundledEmbedding(key: string): string | null {
  return /^bundle_emb\.(.+)\.[^.]+$/.exec(key)?.[1].replace(/\.string_to_param$/, "") ?? null;
}

/** Kinds that are not read, by what their keys contain. */
const OTHERS: readonly [RegExp, string][] = [
  [/\.oft_[rs](\.|$)/, "OFT of PEFT before 0.16"],
];

/** The name of another network type that a key belongs to, null when it says nothing. */
export function otherNetwork(key: string): string | null {
  return OTHERS.find(([pattern]) => pattern.test(key))?.[1] ?? null;
}
