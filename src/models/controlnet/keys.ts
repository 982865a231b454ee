/** The keys of a ControlNet: original (below `control_model.`) and diffusers'. */

import { type Places, rename, reversed } from "../keys/table.ts";
import { unetPlaces } from "../keys/unet.ts";

/** Convolutions between the first and the last of the network that reads the picture. */
const BETWEEN = 6;

/** The prefix of original files; those that train_controlnet.py writes lack it. */
export const CONTROL = "control_model.";

export interface ControlLevels {
  readonly levels: number;
  /** Residual blocks of a level. */
  readonly resBlocks: number;
}

/** Places of both layouts, original ones without prefix. */
export function controlPlaces({ levels, resBlocks }: ControlLevels): Places {
  const depths = Array<number>(levels).fill(1), blocks = levels * (resBlocks + 1);
  return [
    ...unetPlaces({ depths, resBlocks }).filter(([original]) => !/^(out|output_blocks)\./.test(original)),
    ["input_hint_block.0", "controlnet_cond_embedding.conv_in"],
    ...Array.from(
      { length: BETWEEN },
      (_, i) => [`input_hint_block.${2 * i + 2}`, `controlnet_cond_embedding.blocks.${i}`] as const,
    ),
    [`input_hint_block.${2 * BETWEEN + 2}`, "controlnet_cond_embedding.conv_out"],
    ...Array.from(
      { length: blocks },
      (_, i) => [`zero_convs.${i}.0`, `controlnet_down_blocks.${i}`] as const,
    ),
    ["middle_block_out.0", "controlnet_mid_block"],
  ];
}

/** How many levels a file in diffusers' layout has; null where the keys are in another. */
function diffusersLevels(keys: readonly string[]): ControlLevels | null {
  const count = (pattern: RegExp) =>
    keys.reduce((most, key) => Math.max(most, Number(pattern.exec(key)?.[1] ?? -1) + 1), 0);
  const levels = count(/^down_blocks\.(\d+)\./), resBlocks = count(/^down_blocks\.0\.resnets\.(\d+)\./);
  return levels && resBlocks ? { levels, resBlocks } : null;
}

/** Each key of a file in either layout -> the original one without prefix. */
export function originalControlKeys(keys: readonly string[]): Map<string, string> {
  const levels = diffusersLevels(keys), places = levels && reversed(controlPlaces(levels));
  return new Map(keys.map((key) => [
    key,
    places ? rename(key, places) : key.startsWith(CONTROL) ? key.slice(CONTROL.length) : key,
  ]));
}
