/** What a ControlNet's training is told, with what it does not know, and without what sd-scripts does not read. */

import { datasetOptions } from "../../../data/dataset/options.ts";
import type { Family } from "../../../models/mod.ts";
import { group, withDefaults } from "../../../options/mod.ts";
import { savingOptions } from "../../loop/saving_options.ts";
import { lossOptions } from "../../objective/loss_options.ts";
import type { ControlNetConfig, TrainingConfig } from "../../options.ts";

const { no_metadata, training_comment } = savingOptions.rows;
const DEFAULTS = withDefaults(
  [datasetOptions, lossOptions, group("Saving", { no_metadata, training_comment })],
  {},
);

/** As the trainings that they have in common take it. */
export type ConditionedConfig = TrainingConfig & ControlNetConfig;

export const conditionedConfig = <C extends object>(config: C): typeof DEFAULTS & C => ({
  ...DEFAULTS,
  ...config,
});

/** What train_controlnet.py 0.9.1 has flags for and does not look at, with the values of flags that are not given. */
const UNREAD = {
  minTimestep: null,
  maxTimestep: null,
  ipNoiseGamma: null,
  noiseOffsetRandomStrength: false,
  zeroTerminalSnr: false,
  scaleVPredLossLikeNoisePred: false,
  vPredLikeLoss: null,
  debiasedEstimationLoss: false,
  weightedCaptions: false,
} as const satisfies Partial<ConditionedConfig>;

/** Under --compat sd-scripts' SD1 and SD2 training leaves out what its code forgets, told by `warn`. */
export function withoutUnread(
  config: ConditionedConfig,
  { control }: Pick<Family, "control">,
  warn: (line: string) => void,
): ConditionedConfig {
  if (config.compat === null || control.flaw !== "skip") return config;
  for (const [key, value] of Object.entries(UNREAD)) {
    if (config[key as keyof typeof UNREAD] === value) continue;
    const flag = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    warn(`--${flag} has no effect with --compat ${config.compat}: train_controlnet.py does not read it`);
  }
  return { ...config, ...UNREAD };
}
