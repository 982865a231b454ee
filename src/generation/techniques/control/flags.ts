/** What the flags say of ControlNets, LLLites and guides. */

import { UsageError } from "../../../base/errors.ts";
import type { GenImgConfig } from "../../groups.ts";
import { preprocessNamed } from "./preprocess.ts";

export type ControlFlags = Pick<
  GenImgConfig,
  | "controlNetModels"
  | "controlNetLlliteModels"
  | "controlNetPreps"
  | "controlNetMultipliers"
  | "controlNetWeights"
  | "controlNetRatios"
>;

/** How many networks look at guide pictures. */
export function controlCount(
  { controlNetModels, controlNetLlliteModels }: Pick<
    ControlFlags,
    "controlNetModels" | "controlNetLlliteModels"
  >,
): number {
  return Math.max(controlNetModels?.length ?? 0, controlNetLlliteModels?.length ?? 0);
}

/** Checks what the flags say of guides. Throws UsageError. */
export function checkControls(flags: ControlFlags & Pick<GenImgConfig, "guideImagePath">): void {
  const { controlNetModels, controlNetLlliteModels, guideImagePath } = flags, count = controlCount(flags);
  if (controlNetModels?.length && controlNetLlliteModels?.length) {
    throw new UsageError("--control_net_models and --control_net_lllite_models exclude each other; give one");
  }
  if (flags.controlNetMultipliers && flags.controlNetWeights) {
    throw new UsageError(
      "--control_net_weights is the older name of --control_net_multipliers; give one of them",
    );
  }
  const name = controlNetLlliteModels?.length ? "control_net_lllite_models" : "control_net_models";
  if (count > 0 && !guideImagePath?.length) {
    throw new UsageError(`--${name} needs the picture to follow; give --guide_image_path`);
  }
  const lists = {
    control_net_preps: flags.controlNetPreps,
    control_net_multipliers: flags.controlNetMultipliers,
    control_net_weights: flags.controlNetWeights,
    control_net_ratios: flags.controlNetRatios,
  };
  for (const [list, values] of Object.entries(lists)) {
    if ((values?.length ?? 0) <= count) continue;
    throw new UsageError(`--${list} has ${values!.length} values for ${count} --${name}; give one for each`);
  }
  flags.controlNetPreps?.forEach(preprocessNamed);
}
