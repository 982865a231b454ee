/** How the blocks of a U-Net are numbered in options and logs of LoRA networks. */

export interface BlockTable {
  /** "an SDXL model", in errors. */
  readonly model: string;
  readonly count: number;
  /** Blocks that down_lr_weight and up_lr_weight name, each. */
  readonly side: number;
  /** Blocks that mid_lr_weight names. */
  readonly middle: number;
  /** Blocks before and behind these, which have no weight of their own. */
  readonly outer: number;
  /** The block that a module belongs to, by its LoRA name; -1 for what is in no block. */
  blockOf(loraName: string): number;
}

const SD_PLACE = /(up|down)_blocks_(\d+)_(resnets|upsamplers|downsamplers|attentions)_(\d+)_/;

/** Down 0-11, mid 12, up 13-24, by diffusers' names. */
export const sdBlocks: BlockTable = {
  model: "an SD1 or SD2 model",
  count: 25,
  side: 12,
  middle: 1,
  outer: 0,
  blockOf(loraName) {
    const [, side, level, kind, index] = SD_PLACE.exec(loraName) ?? [];
    if (!side) return loraName.includes("mid_block_") ? 12 : -1;
    const within = 3 * Number(level) + (kind.endsWith("samplers") ? 2 : Number(index));
    return side === "down" ? 1 + within : 13 + within;
  },
};

const SDXL_FIRST: Readonly<Record<string, number>> = { input: 1, middle: 10, output: 13 };

/** 0 embeddings, input 1-9, middle 10-12, output 13-21, 22 out, by the file's names. */
export const sdxlBlocks: BlockTable = {
  model: "an SDXL model",
  count: 23,
  side: 9,
  middle: 3,
  outer: 1,
  blockOf(loraName) {
    const [, part, index] = /^lora_unet_(input|middle|output)_blocks?_(\d+)_/.exec(loraName) ?? [];
    if (part) return SDXL_FIRST[part] + Number(index);
    if (/^lora_unet_(time_embed|label_emb)_/.test(loraName)) return 0;
    return loraName.startsWith("lora_unet_out_") ? 22 : -1;
  },
};
