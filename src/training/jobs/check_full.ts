/** What can be said of a training of a whole model before anything is opened. Throws UsageError, one line each. */

import { UsageError } from "../../base/errors.ts";
import { exclusive, somethingTrained } from "../../options/rules.ts";
import { blockRates, FULL_DEFAULTS } from "../trained/full_options.ts";
import type { FullConfig } from "./full_run.ts";

export function checkFull(given: FullConfig): void {
  const values = { ...FULL_DEFAULTS, ...given };
  const { learningRate, trainTextEncoder, stopTextEncoderTraining: stop, blockLr } = values;
  const text = trainTextEncoder && !(stop !== null && stop <= 0);
  const own = {
    learning_rate_te: values.learningRateTe,
    learning_rate_te1: values.learningRateTe1,
    learning_rate_te2: values.learningRateTe2,
  };
  const rates = Object.entries(own).filter((entry): entry is [string, number] => entry[1] !== null);
  somethingTrained({ learning_rate: learningRate, ...(text ? Object.fromEntries(rates) : {}) });
  if (blockLr !== null && blockRates(blockLr).every((rate) => rate === 0) && !text) {
    throw new UsageError("--block_lr has no rate above 0, so nothing would be trained; give one");
  }
  checkFused(values);
  for (const [flag, wanted] of [["fp8_base", values.fp8Base], ["fp8_base_unet", values.fp8BaseUnet]]) {
    if (!wanted) continue;
    throw new UsageError(`--${flag} holds frozen weights in 8 bits, and here they are trained; leave it out`);
  }
  exclusive("no_token_padding", values.noTokenPadding, "max_token_length", values.maxTokenLength !== null);
}

/** Rates without effect; kohya_ss always writes them. */
export function idleRates(
  { trainTextEncoder, learningRateTe1, learningRateTe2 }: FullConfig,
): string[] {
  if (trainTextEncoder) return [];
  const rates = { learning_rate_te1: learningRateTe1, learning_rate_te2: learningRateTe2 };
  return Object.entries(rates).filter(([, rate]) => rate).map(([name, rate]) =>
    `--${name} ${rate} has no effect without --train_text_encoder`
  );
}

function checkFused(
  { fusedOptimizerGroups, fusedBackwardPass, gradientAccumulationSteps: gathered }: Pick<
    Required<FullConfig>,
    "fusedOptimizerGroups" | "fusedBackwardPass" | "gradientAccumulationSteps"
  >,
): void {
  if (fusedOptimizerGroups === null) return;
  exclusive("fused_optimizer_groups", true, "fused_backward_pass", fusedBackwardPass);
  if (gathered > 1) {
    throw new UsageError(
      `--fused_optimizer_groups steps after each batch, --gradient_accumulation_steps ${gathered} after several; give one of them`,
    );
  }
}
