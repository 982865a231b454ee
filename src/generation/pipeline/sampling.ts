/** What flags and model say about sampling. */

import type { ModelFile } from "../../models/mod.ts";
import type { GenImgConfig } from "../groups.ts";
import type { SamplerOptions } from "../samplers/mod.ts";

/** What is the same for all pictures of a run. */
export type Sampling = Omit<SamplerOptions, "steps">;

const UNMARKED: ModelFile["marks"] = { vPrediction: false, zeroTerminalSnr: false };

/** A file's own marks count like the flags. */
export function samplingOf(
  config: Pick<
    GenImgConfig,
    "vParameterization" | "zeroTerminalSnr" | "forceSchedulerZeroStepsOffset" | "sigmas" | "compat"
  >,
  marks = UNMARKED,
): Sampling {
  return {
    prediction: config.vParameterization || marks.vPrediction ? "v_prediction" : "epsilon",
    zeroTerminalSnr: config.zeroTerminalSnr || marks.zeroTerminalSnr,
    stepsOffset: config.forceSchedulerZeroStepsOffset ? 0 : 1,
    clipSample: false,
    sigmas: config.sigmas,
    compat: config.compat !== null,
  };
}
