/** What can be refused of a training's steps before anything is opened. */
import { UsageError } from "../../base/errors.ts";
import { lossType } from "../objective/loss.ts";
import { chosenOptimizer } from "../optimizers/options.ts";
import type { TrainingConfig } from "../options.ts";
import { checkUpdate } from "./check_update.ts";
import { createRates } from "./rates.ts";

/** Throws UsageError. */
export function checkSteps(config: TrainingConfig): void {
  const { maskedLoss, alphaMask, datasetConfig, conditioningDataDir: masks } = config;
  if (maskedLoss && !alphaMask && masks === null && datasetConfig === null) {
    throw new UsageError(
      "--masked_loss needs masks: give --conditioning_data_dir with mask images, or --alpha_mask and pictures with an " +
        "alpha channel",
    );
  }
  lossType(config.lossType);
  const optimizer = chosenOptimizer(config);
  checkUpdate(config, optimizer);
  createRates(config, optimizer);
}
