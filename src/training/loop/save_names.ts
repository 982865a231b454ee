/** Names of the files and folders that a run writes, and which of them are old: sd-scripts' spelling and arithmetic. */
import type { ModelForm } from "../../models/mod.ts";
import type { OutputConfig } from "../options.ts";

type Naming = Pick<
  OutputConfig,
  | "outputName"
  | "saveEveryNEpochs"
  | "saveEveryNSteps"
  | "saveLastNEpochs"
  | "saveLastNSteps"
  | "saveLastNEpochsState"
  | "saveLastNStepsState"
>;

/** The form of what is saved; where nobody said it, a file. */
export const savedAs = ({ saveModelAs }: Pick<OutputConfig, "saveModelAs">): ModelForm =>
  saveModelAs ?? "safetensors";

/** When something is saved: after an epoch, after a step, or at the end. */
export type Moment = { readonly epoch: number } | { readonly step: number } | "last";

/** Base name without extension: name-000002, name-step00000500, name. */
export function saveName({ outputName }: Naming, moment: Moment): string {
  if (moment === "last") return outputName ?? "last";
  if ("epoch" in moment) return `${outputName ?? "epoch"}-${String(moment.epoch).padStart(6, "0")}`;
  return `${outputName ?? "at"}-step${String(moment.step).padStart(8, "0")}`;
}

export const stateName = (config: Naming, moment: Moment) => `${saveName(config, moment)}-state`;

/** The saved model that is to go once `moment` is saved, or null. */
export function staleSave(config: Naming, moment: Moment): Moment | null {
  return stale(config, moment, config.saveLastNEpochs, config.saveLastNSteps);
}

/** The saved state that is to go once `moment` is saved, or null. */
export function staleState(config: Naming, moment: Moment): Moment | null {
  return stale(
    config,
    moment,
    config.saveLastNEpochsState || config.saveLastNEpochs,
    config.saveLastNStepsState || config.saveLastNSteps,
  );
}

/** Epochs are kept by number of saves, steps by distance. */
function stale(
  config: Naming,
  moment: Moment,
  lastEpochs: number | null,
  lastSteps: number | null,
): Moment | null {
  if (moment === "last") return null;
  if ("epoch" in moment) {
    if (lastEpochs === null) return null;
    const epoch = moment.epoch - config.saveEveryNEpochs! * lastEpochs;
    return epoch > 0 ? { epoch } : null;
  }
  if (lastSteps === null) return null;
  const before = moment.step - lastSteps - 1;
  const step = before - (before % config.saveEveryNSteps!);
  return step > 0 ? { step } : null;
}
