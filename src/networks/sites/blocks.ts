/**
 * Options by U-Net block: ranks and alphas (block_dims …) and learning-rate weights (down_lr_weight …). How many blocks
 * there are, the family's table says.
 */

import { UsageError } from "../../base/errors.ts";
import { counted } from "../../base/phrases.ts";
import type { BlockTable } from "../../models/mod.ts";
import { type Alpha, floatAlpha, integer, number } from "./values.ts";

export interface BlockPlan {
  /** How the blocks are numbered. */
  readonly table: BlockTable;
  /** Rank of linear layers and 1x1 convolutions by block; 0 leaves the block out. */
  readonly dims: readonly number[];
  readonly alphas: readonly Alpha[];
  /** Larger convolutions; null leaves them alone everywhere. */
  readonly convDims: readonly number[] | null;
  readonly convAlphas: readonly Alpha[] | null;
  /** Factors on the U-Net's learning rate by block; null where no weight was given. */
  readonly lrWeights: readonly number[] | null;
}

interface Defaults {
  table: BlockTable;
  dim: number;
  alpha: Alpha;
  convDim: number | null;
  convAlpha: Alpha;
}

type Given = Readonly<Record<string, string>>;

/** The plan that network_args ask for, null when no option by block is given. Throws UsageError. */
export function planBlocks(given: Given, defaults: Defaults, compat = false): BlockPlan | null {
  const lrWeights = parseBlockLrWeights(given, defaults.table, compat);
  if (!("block_dims" in given) && lrWeights === null) {
    for (const key of ["block_alphas", "conv_block_dims", "conv_block_alphas"]) {
      if (key in given) {
        throw new UsageError(
          `--network_args ${key}: has no effect without block_dims or a block learning rate; add block_dims`,
        );
      }
    }
    return null;
  }
  const { count, model } = defaults.table;
  const list = <T>(key: string, read: (text: string) => T): T[] | null => {
    if (!(key in given)) return null;
    const values = given[key].split(",").map((text) => read(text.trim()));
    if (values.length === count) return values;
    throw new UsageError(
      `--network_args ${key}: has ${counted(values.length, "value")}, ${model} takes ${count}`,
    );
  };
  const all = <T>(value: T): T[] => Array.from({ length: count }, () => value);
  const dims = list("block_dims", (text) => integer("block_dims", text)) ?? all(defaults.dim);
  const alphas = list("block_alphas", (text) => floatAlpha(number("block_alphas", text))) ??
    all(defaults.alpha);
  const convDims = list("conv_block_dims", (text) => integer("conv_block_dims", text)) ??
    (defaults.convDim === null ? null : all(defaults.convDim));
  const convAlphas = convDims &&
    (("conv_block_dims" in given
      ? list("conv_block_alphas", (text) => floatAlpha(number("conv_block_alphas", text)))
      : null) ?? all(defaults.convAlpha));
  // a block that learns nothing gets no LoRA at all
  lrWeights?.forEach((weight, block) => {
    if (weight !== 0) return;
    dims[block] = 0;
    if (convDims) convDims[block] = 0;
  });
  return { table: defaults.table, dims, alphas, convDims, convAlphas, lrWeights };
}

/** Shapes over one side's blocks: i counts them from 0, `last` is the last one's number. */
const SHAPES: Record<string, (i: number, last: number) => number> = {
  cosine: (i, last) => Math.sin(Math.PI * ((last - i) / last) / 2),
  sine: (i, last) => Math.sin(Math.PI * (i / last) / 2),
  linear: (i, last) => i / last,
  reverse_linear: (i, last) => (last - i) / last,
  zeros: () => 0,
};

/**
 * down_lr_weight, mid_lr_weight and up_lr_weight as one factor a block, null when none is given. Down and up take a
 * list or the name of a shape ("cosine", "sine+0.5"); short lists are filled with 1, a factor not above
 * block_lr_zero_threshold becomes 0. A list that is too long is a UsageError; sd-scripts 0.9.1 (`compat`) cuts it, but
 * stumbles when only one of down and up is given.
 */
export function parseBlockLrWeights(
  given: Given,
  { side, middle, outer }: BlockTable,
  compat = false,
): number[] | null {
  const keys = ["down_lr_weight", "mid_lr_weight", "up_lr_weight"];
  if (!keys.some((key) => key in given)) return null;
  const threshold = "block_lr_zero_threshold" in given
    ? number("block_lr_zero_threshold", given.block_lr_zero_threshold)
    : 0;
  const weights = keys.flatMap((key) => {
    const count = key === "mid_lr_weight" ? middle : side;
    if (!(key in given)) return ones(count);
    const text = given[key];
    const values = key !== "mid_lr_weight" && !text.includes(",")
      ? shapeOf(key, text, count)
      : text.split(",").map((item) => item === "" ? 0 : number(key, item.trim()));
    const cut = compat && (key === "mid_lr_weight" || ("down_lr_weight" in given && "up_lr_weight" in given));
    if (values.length > count && !cut) {
      throw new UsageError(
        `--network_args ${key}: has ${counted(values.length, "value")}, the model has ${count} such blocks`,
      );
    }
    return [...values, ...ones(count - values.length)].slice(0, count).map((w) => w > threshold ? w : 0);
  });
  return [...ones(outer), ...weights, ...ones(outer)];
}

function shapeOf(key: string, text: string, count: number): number[] {
  const [name, base] = text.split("+");
  const shape = SHAPES[name];
  if (!shape) {
    throw new UsageError(
      `--network_args ${key}=${text}: give a list of ${counted(count, "number")} or one of ${
        Object.keys(SHAPES).join(", ")
      }`,
    );
  }
  const offset = base === undefined ? 0 : number(key, base);
  return Array.from({ length: count }, (_, i) => shape(i, count - 1) + offset);
}

function ones(count: number): number[] {
  return Array.from({ length: Math.max(count, 0) }, () => 1);
}
