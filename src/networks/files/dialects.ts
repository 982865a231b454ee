/** Writing a network under others' keys: --save_lora_keys. */

import { UserError } from "../../base/errors.ts";
import type { TensorToWrite } from "../../formats/safetensors.ts";
import type { NetworkModule } from "../kinds/kind.ts";
import { DOWN, lora, MID, UP } from "../kinds/lora.ts";
import type { Dialect } from "../options.ts";
import { scaleOf } from "../sites/modules.ts";
import type { Target } from "../sites/targets.ts";
import { filedAs } from "./filed.ts";

interface Network {
  readonly modules: readonly NetworkModule[];
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** Where the file of a dialect has a module, without suffix. */
const PLACES: Readonly<Record<Exclude<Dialect, "kohya">, (module: Target) => string>> = {
  diffusers: ({ part, diffusers, name }) => {
    if (!diffusers) throw new TypeError(`${name} has no name in diffusers`);
    return part === "unet"
      ? `unet.${diffusers}`
      : `${part === "te2" ? "text_encoder_2" : "text_encoder"}.${diffusers}`;
  },
  // ComfyUI takes a model's own keys, whatever they are (comfy/lora.py model_lora_keys_unet and _clip)
  comfy: ({ part, diffusers, path, name }) => {
    if (part === "unet") return path.replace(/^model\./, "");
    const encoder = part === "te2" ? "clip_g" : isOpenClip(path) ? "clip_h" : "clip_l";
    if (!diffusers) throw new TypeError(`${name} has no name in transformers`);
    return `text_encoders.${encoder}.transformer.${diffusers}`;
  },
};

/** Where the file of a dialect has what joins a layer. */
export function dialectPlace(dialect: Exclude<Dialect, "kohya">, target: Target): string {
  return PLACES[dialect](target);
}

const isOpenClip = (path: string) => path.includes(".resblocks.");

/**
 * A network's tensors under a dialect's keys. diffusers knows LoRA alone and no alpha: its lora.up carries alpha / rank.
 * Throws UserError for what the dialect cannot say.
 */
export function translated(
  dialect: Dialect,
  network: Network,
  write: (modules: readonly NetworkModule[], weights: ReadonlyMap<string, Float32Array>) => TensorToWrite[],
): TensorToWrite[] {
  if (dialect === "kohya") return write(network.modules, network.weights);
  const { modules, weights } = filedAs(network), place = PLACES[dialect];
  const names = new Map(modules.map((module) => [module.name, place(module)]));
  const renamed = (tensors: TensorToWrite[]) =>
    tensors.map((tensor) => {
      const dot = tensor.name.indexOf("."), suffix = tensor.name.slice(dot + 1);
      const own = dialect === "diffusers" ? DIFFUSERS_SUFFIXES[suffix] : suffix;
      return { ...tensor, name: `${names.get(tensor.name.slice(0, dot))}.${own}` };
    });
  if (dialect === "comfy") return renamed(write(modules, weights));
  const scaled = new Map(weights);
  for (const module of modules) {
    if (module.kind !== lora || MID in module.tensors) {
      throw new UserError(
        `${module.name} is of kind ${module.kind.name}, diffusers reads plain LoRAs only; give kohya or comfy, or make a LoRA of it with easel convert_lora --to lora`,
      );
    }
    const key = `${module.name}.${UP}`, scale = scaleOf(module);
    scaled.set(key, weights.get(key)!.map((v) => v * scale));
  }
  return renamed(write(modules, scaled).filter(({ name }) => !name.endsWith(".alpha")));
}

export const DIFFUSERS_SUFFIXES: Readonly<Record<string, string>> = {
  [DOWN]: "lora.down.weight",
  [UP]: "lora.up.weight",
};
