/** What can be refused of a training's steps before anything is opened. */
import { UsageError } from "../../base/errors.ts";
import { lossType } from "../objective/loss.ts";
import { chosenOptimizer } from "../optimizers/options.ts";
import type { TrainingConfig } from "../options.ts";
import { checkUpdate } from "./check_update.ts";
import { createRates } from "./rates.ts";

/** Throws UsageError. */
export function checkSteps(config: TrainingConfig): void {
  if (config.maskedLoss && !config.alphaMask && config.datasetConfig === null) {
    throw new UsageError("--masked_loss needs masks: give --alpha_mask and pictures with an alpha channel");
  }
  lossType(config.lossType);
  const optimizer = chosenOptimizer(config);
  checkUpdate(config, optimizer);
  createRates(config, optimizer);
}
