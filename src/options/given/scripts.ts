/** sd-scripts' scripts by name: which easel command one is, and which easel does not have yet. */

import { UsageError } from "../../base/errors.ts";
import { guess } from "../../base/phrases.ts";

/** Scripts that are another command here, and the flags that this implies. */
const SCRIPT_ALIASES: Readonly<Record<string, readonly [command: string, ...flags: string[]]>> = {
  gen_img_diffusers: ["gen_img"],
  sdxl_gen_img: ["gen_img", "--sdxl"],
  sdxl_train_control_net_lllite_old: ["sdxl_train_control_net_lllite"],
  merge_lora_old: ["merge_lora"],
  train_control_net: ["train_controlnet"],
};

const OTHER_MODELS = "easel knows SD1, SD2 and SDXL models";

/**
 * Known by name only, with what comes nearest where anything does: a pasted command line should hear that, and not that it
 * is misspelt.
 */
export const SCRIPTS_NOT_YET: Readonly<Record<string, string>> = {
  anima_minimal_inference: OTHER_MODELS,
  anima_train: OTHER_MODELS,
  anima_train_network: OTHER_MODELS,
  convert_anima_lora_to_comfy: OTHER_MODELS,
  convert_diffusers_to_flux: OTHER_MODELS,
  convert_flux_lora: OTHER_MODELS,
  convert_hunyuan_image_lora_to_comfy: OTHER_MODELS,
  flux_extract_lora: OTHER_MODELS,
  flux_merge_lora: OTHER_MODELS,
  flux_minimal_inference: OTHER_MODELS,
  flux_train: OTHER_MODELS,
  flux_train_control_net: OTHER_MODELS,
  flux_train_network: OTHER_MODELS,
  hunyuan_image_minimal_inference: OTHER_MODELS,
  hunyuan_image_train_network: OTHER_MODELS,
  lumina_minimal_inference: OTHER_MODELS,
  lumina_train: OTHER_MODELS,
  lumina_train_network: OTHER_MODELS,
  merge_sd3_safetensors: OTHER_MODELS,
  sd3_minimal_inference: OTHER_MODELS,
  sd3_train: OTHER_MODELS,
  sd3_train_network: OTHER_MODELS,
};

/** Scripts that show how something is done with a library, and files that other scripts load, by what does that here. */
const NO_COMMANDS: Readonly<Record<string, string>> = {
  hypernetwork_nai: "a part of no script; easel trains and draws with LoRAs, not with hypernetworks",
  lora_diffusers:
    "an example in Python; easel gen_img --network_weights draws with a LoRA, live or with --network_merge",
  original_control_net: "a part of gen_img; easel gen_img --control_net_models draws with ControlNets",
};

/** "networks/resize_lora.py", "networks\\resize_lora.py" and "resize-lora" -> "resize_lora". */
export function scriptName(word: string): string {
  return word.replace(/^.*[/\\]/, "").replace(/\.py$/, "").replaceAll("-", "_");
}

/** A command by its name, and flags that the name implies. */
export interface NamedCommand {
  readonly name: string;
  readonly flags: readonly string[];
}

/**
 * Which of `commands` a word names, also with dashes, with the ".py" of sd-scripts and with the folder that the script is
 * in. Throws UsageError that says what is nearest.
 */
export function commandNamed(word: string, commands: readonly string[]): NamedCommand {
  const name = scriptName(word);
  const [alias, ...flags] = Object.hasOwn(SCRIPT_ALIASES, name) ? SCRIPT_ALIASES[name] : [name];
  if (commands.includes(alias)) return { name: alias, flags };
  if (word.startsWith("-")) {
    throw new UsageError(`${word}: the command comes first, as in easel gen_img ${word}`);
  }
  if (Object.hasOwn(SCRIPTS_NOT_YET, name)) {
    throw new UsageError(
      `${name} is not supported yet; ${SCRIPTS_NOT_YET[name] || "easel help lists what is"}`,
    );
  }
  if (Object.hasOwn(NO_COMMANDS, name)) throw new UsageError(`${name} is ${NO_COMMANDS[name]}`);
  throw new UsageError(
    `${word} is not a command${guess(name, commands) || "; easel help lists them"}`,
  );
}
