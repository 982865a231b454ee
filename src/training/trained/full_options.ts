/** The options of fine_tune, train_db and sdxl_train together. */
import { UsageError } from "../../base/errors.ts";
import { withDefaults } from "../../options/mod.ts";
import type { TrainingConfig } from "../options.ts";
import { dreamBoothOptions, fineTuneOptions, sdxlTrainOptions } from "./options.ts";

/** What a command that does not know an option has in its place. */
export const FULL_DEFAULTS = withDefaults([fineTuneOptions, dreamBoothOptions, sdxlTrainOptions], {});

/** The options of all commands that train whole models. */
export type FullOptions =
  & typeof FULL_DEFAULTS
  & Pick<TrainingConfig, "learningRate" | "compat" | "fullBf16" | "fullFp16">;

/** Blocks of SDXL's U-Net as --block_lr counts them. */
export const BLOCKS = 23;

/** "1e-5,0,..." as 23 numbers. Throws UsageError. */
export function blockRates(text: string): number[] {
  const rates = text.split(",").map((word) => word.trim() === "" ? NaN : Number(word));
  if (rates.length === BLOCKS && rates.every((rate) => Number.isFinite(rate) && rate >= 0)) return rates;
  const wrong = rates.findIndex((rate) => !(Number.isFinite(rate) && rate >= 0));
  const found = rates.length === BLOCKS
    ? `"${text.split(",")[wrong].trim()}" among them was`
    : `${rates.length} ${rates.length === 1 ? "was" : "were"}`;
  throw new UsageError(
    `--block_lr takes ${BLOCKS} rates with commas between them, ${found} given; ` +
      "the first is for the embeddings, then 9 input, 3 middle and 9 output blocks, and the last for the output layer",
  );
}
