/** `--network_args`: "key=value" strings to checked options. Unknown keys are errors, never silence. */

import { UsageError } from "../../base/errors.ts";
import type { BlockTable } from "../../models/mod.ts";
import { refuseUnknownKeys, splitKeyValues } from "../../options/key_values.ts";
import type { KindSettings, NetworkKind } from "../kinds/kind.ts";
import { type BlockPlan, planBlocks } from "./blocks.ts";
import type { NamePatterns } from "./patterns.ts";
import { type Alpha, floatAlpha, integer, loraPlusRatio, number, probability, wholeAlpha } from "./values.ts";

/** What shapes a network, as plain data. */
export interface LoraOptions {
  /** Of linear layers and convolutions alike; absent: LoRA. */
  readonly kind?: NetworkKind;
  readonly settings?: KindSettings;
  /** Rank of linear layers and 1x1 convolutions. */
  readonly dim: number;
  readonly alpha: Alpha;
  /** Rank of larger convolutions; null leaves them alone. */
  readonly convDim: number | null;
  readonly convAlpha: Alpha;
  /** Rank and alpha by block of the U-Net; null gives every block the same. */
  readonly blocks: BlockPlan | null;
  /** Probabilities, null where the option is off. */
  readonly dropout: number | null;
  readonly rankDropout: number | null;
  readonly moduleDropout: number | null;
  /** In place of rankDropout, see AdapterOptions. */
  readonly rowDropout?: RowDropout | null;
  readonly loraPlus: LoraPlus;
  /** Ranks, rates and choice of modules by their names. */
  readonly patterns?: NamePatterns;
  /** As given, with the "dropout" entry that sd-scripts adds: what ss_network_args shows. */
  readonly given: Readonly<Record<string, string | number | null>>;
}

/** Whole outputs are dropped; what is left is multiplied by 1 / (1 - p), by 1 / the share that is left, or by nothing. */
export interface RowDropout {
  readonly p: number;
  readonly scale: "kept" | "mean" | "none";
}

/** Learning-rate ratio of lora_up over lora_down (arXiv 2402.12354), null where it is off. */
export interface LoraPlus {
  readonly ratio: number | null;
  readonly unet: number | null;
  readonly textEncoder: number | null;
}

export interface NetworkFlags {
  /** --network_dim; null is 4. */
  dim: number | null;
  /** --network_alpha; null is the flag's default, the integer 1. */
  alpha: number | null;
  /** --network_dropout. */
  dropout: number | null;
  /** --network_args. */
  args: readonly string[] | null;
}

/** Options of networks.lora. */
export const LORA_KEYS = [
  "conv_dim",
  "conv_alpha",
  "rank_dropout",
  "module_dropout",
  "dropout",
  "block_dims",
  "block_alphas",
  "conv_block_dims",
  "conv_block_alphas",
  "down_lr_weight",
  "mid_lr_weight",
  "up_lr_weight",
  "block_lr_zero_threshold",
  "loraplus_lr_ratio",
  "loraplus_unet_lr_ratio",
  "loraplus_text_encoder_lr_ratio",
];

/** "key=value" strings as a record of what `network` takes. Throws UsageError. */
export function splitNetworkArgs(
  args: readonly string[],
  network = "networks.lora",
  keys: readonly string[] = LORA_KEYS,
): Record<string, string> {
  const found = splitKeyValues("--network_args", args);
  refuseUnknownKeys("--network_args", network, Object.keys(found), keys);
  return found;
}

/**
 * The options of a new network. `table` says how many blocks the block lists have; `compat` accepts overlong lists
 * of learning-rate weights where sd-scripts 0.9.1 does. Throws UsageError.
 */
export function loraOptions(
  flags: NetworkFlags,
  table: BlockTable,
  compat = false,
  network = "networks.lora",
  keys: readonly string[] = LORA_KEYS,
): LoraOptions {
  const given = splitNetworkArgs(flags.args ?? [], network, keys);
  const read = <T>(key: string, parse: (key: string, text: string) => T): T | null =>
    key in given ? parse(key, given[key]) : null;
  const dropout = (key: string) =>
    read(key, (_, text) => probability(`--network_args ${key}`, number(key, text)));
  const dim = flags.dim ?? 4;
  if (!Number.isInteger(dim) || dim < 1) {
    throw new UsageError(`--network_dim ${dim}: give a rank of at least 1`);
  }
  const alpha = flags.alpha === null ? wholeAlpha(1) : floatAlpha(flags.alpha);
  const convDim = read("conv_dim", integer);
  const convAlpha = floatAlpha(read("conv_alpha", number) ?? 1);
  return {
    dim,
    alpha,
    convDim,
    convAlpha,
    blocks: planBlocks(given, { table, dim, alpha, convDim, convAlpha }, compat),
    // sd-scripts records an argument called "dropout" but only the flag has an effect there
    dropout: flags.dropout !== null
      ? probability("--network_dropout", flags.dropout)
      : compat
      ? null
      : dropout("dropout"),
    rankDropout: dropout("rank_dropout"),
    moduleDropout: dropout("module_dropout"),
    loraPlus: {
      ratio: read("loraplus_lr_ratio", loraPlusRatio),
      unet: read("loraplus_unet_lr_ratio", loraPlusRatio),
      textEncoder: read("loraplus_text_encoder_lr_ratio", loraPlusRatio),
    },
    given: "dropout" in given ? given : { ...given, dropout: flags.dropout },
  };
}
