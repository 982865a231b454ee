/** What sdxl_minimal_inference takes: the script's flags, and of easel what the script has as constants. */

import {
  type ConfigOf,
  flag,
  float,
  group,
  int,
  own,
  pathTo,
  required,
  SEEDS,
  SIDE,
  str,
  strings,
} from "../../options/mod.ts";
import { automationOptions, compatOptions } from "../../options/shared.ts";
import { deviceOptions } from "../../runtime/options.ts";

const minimalOptions = group("Pictures", {
  ckpt_path: required(pathTo("model", str(null, "SDXL model: a .safetensors or .ckpt file, or a folder"))),
  prompt: str("A photo of a cat", "prompt text"),
  prompt2: str(null, "what the second text encoder reads; unset = the same"),
  negative_prompt: str("", "negative prompt text"),
  output_dir: pathTo("folder", str(".", "output folder")),
  lora_weights: pathTo("model", strings("LoRA files, each as FILE or FILE;STRENGTH")),
  interactive: flag("ask for prompts and seeds on the console, until a prompt is empty"),
  H: own(int(1024, "height", SIDE)),
  W: own(int(1024, "width", SIDE)),
  steps: own(int(50, "denoising steps", { min: 1, max: 1000 })),
  scale: own(float(7, "CFG scale")),
  seed: own(int(null, "random seed", SEEDS)),
  fp16: own(flag("run in fp16, the VAE in fp32")),
  bf16: own(flag("run in bf16, the VAE in fp32")),
});

export const minimalGroups = [minimalOptions, deviceOptions, compatOptions, automationOptions] as const;

export type MinimalConfig = ConfigOf<typeof minimalGroups>;
