/** --lbws: weights of a LoRA by block of the U-Net, as web UI's "LoRA block weight" has them (sd-scripts' svd_merge_lora.py). */

import { UsageError } from "../../base/errors.ts";

/** BASE (text encoders), IN00 to IN11, MID, OUT00 to OUT11: which of the 26 places a list of so many values fills. */
const PLACES: Readonly<Record<number, string>> = {
  12: "1 000011011000 1 111111000000",
  17: "1 011011011000 1 000111111111",
  20: "1 111111111000 1 111111111000",
  26: "1 111111111111 1 111111111111",
};

/** Lists of these lengths are for SDXL. */
const SDXL = [12, 20];

export interface BlockWeights {
  readonly sdxl: boolean;
  /** By place, 26; a place that the list does not name has 1. */
  readonly values: readonly number[];
}

/** The places that a list of `length` values fills, null where no list is so long. */
export function placesOf(length: number): number[] | null {
  const text = PLACES[length]?.replaceAll(" ", "");
  return text === undefined ? null : [...text].flatMap((bit, i) => bit === "1" ? [i] : []);
}

/** Reads "[1,0.5,...]" once for each LoRA. Throws UsageError. */
export function readBlockWeights(texts: readonly string[]): BlockWeights[] {
  const lists = texts.map(readList);
  if (new Set(lists.map((list) => list.length)).size > 1) {
    throw new UsageError(
      `--lbws: lists of ${lists.map((list) => list.length).join(" and ")} values; give all the same length`,
    );
  }
  return lists.map((list) => {
    const values = Array.from({ length: 26 }, () => 1);
    placesOf(list.length)!.forEach((place, i) => values[place] = list[i]);
    return { sdxl: SDXL.includes(list.length), values };
  });
}

function readList(text: string): number[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`--lbws ${text}: is no list in JSON; write [1,0.5,...] in quotes`, { cause });
  }
  if (!Array.isArray(list) || !list.every((value) => Number.isFinite(value))) {
    throw new UsageError(`--lbws ${text}: is no list of numbers; write [1,0.5,...] in quotes`);
  }
  if (placesOf(list.length) === null) {
    throw new UsageError(
      `--lbws ${text}: has ${list.length} values; SD1 and SD2 take 17 or 26, SDXL 12 or 20`,
    );
  }
  return list;
}

/** A LoRA module's weight; 1 where it belongs to no block. */
export function blockWeight({ sdxl, values }: BlockWeights, module: string): number {
  return values[placeOf(module, sdxl)] ?? 1;
}

/** The place of a module among the 26, -1 for none; text encoders are 0. */
export function placeOf(module: string, sdxl: boolean): number {
  if (module.includes("text_model_encoder_")) return 0;
  if (sdxl) return sdxlPlace(module);
  const found = /(up|down)_blocks_(\d+)_(resnets|upsamplers|downsamplers|attentions)_(\d+)_/.exec(module);
  if (!found) return module.includes("mid_block_") ? 13 : -1;
  const [, side, block, what, index] = found, first = 3 * Number(block);
  if (what === "resnets" || what === "attentions") {
    return (side === "down" ? 2 : 14) + first + Number(index);
  }
  if (side === "down") return what === "downsamplers" ? 4 + first : -1;
  return what === "upsamplers" ? 16 + first : -1;
}

function sdxlPlace(module: string): number {
  const [, part, index] =
    /^lora_unet_(time_embed|label_emb|input_blocks|middle_block|output_blocks|out)_(\d*)/
      .exec(module) ?? [];
  const at = Number(index);
  switch (part) {
    case "time_embed":
    case "label_emb":
      return 1;
    case "input_blocks":
      return 1 + at;
    case "middle_block":
      return 13;
    case "output_blocks":
      return 14 + at;
    default:
      return part === "out" ? 23 : -1;
  }
}
