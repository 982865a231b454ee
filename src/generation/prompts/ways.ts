/** Deep Shrink and Gradual Latent of a picture: the command line's, and what its prompt changes. */

import type { GenImgConfig } from "../groups.ts";
import type { DeepShrink } from "../techniques/deep_shrink.ts";
import { type GradualLatent, unsharpOf } from "../techniques/gradual_latent.ts";
import type { PromptLine } from "./prompt_line.ts";
import { UsageError } from "../../base/errors.ts";

export interface Ways {
  readonly deepShrink: DeepShrink | null;
  readonly gradualLatent: GradualLatent | null;
}

/** gen_img.py's, where a prompt gives other numbers but not these. */
const DEPTH = 3, GROWS_BELOW = 650;

/** `before`: what holds where the prompt says nothing; without a line, the command line's. */
export function waysOf(config: GenImgConfig, line?: PromptLine, before?: Ways): Ways {
  const shrink: DeepShrink = {
    depth1: config.dsDepth1 || DEPTH,
    timesteps1: config.dsTimesteps1,
    depth2: config.dsDepth2,
    timesteps2: config.dsTimesteps2,
    ratio: config.dsRatio,
  };
  const grow: GradualLatent = {
    ratio: config.gradualLatentRatio,
    timesteps: config.gradualLatentTimesteps || GROWS_BELOW,
    everyNSteps: config.gradualLatentEveryNSteps,
    ratioStep: config.gradualLatentRatioStep,
    sNoise: config.gradualLatentSNoise,
    unsharp: unsharpFlag(config.gradualLatentUnsharpParams),
  };
  const own: Ways = before ?? {
    deepShrink: config.dsDepth1 === null ? null : { ...shrink, depth1: config.dsDepth1 },
    gradualLatent: config.gradualLatentTimesteps === null
      ? null
      : { ...grow, timesteps: config.gradualLatentTimesteps },
  };
  return {
    deepShrink: line?.deepShrink ? checkedShrink({ ...shrink, ...line.deepShrink }) : own.deepShrink,
    gradualLatent: line?.gradualLatent ? checkedGrow({ ...grow, ...line.gradualLatent }) : own.gradualLatent,
  };
}

function unsharpFlag(text: string | null) {
  try {
    return text === null ? null : unsharpOf(text);
  } catch (cause) {
    throw new UsageError(`--gradual_latent_unsharp_params: ${(cause as Error).message}`, { cause });
  }
}

function checkedShrink(shrink: DeepShrink): DeepShrink {
  if (shrink.ratio > 0 && shrink.ratio < 1) return shrink;
  throw new UsageError(`prompt option --dsr ${shrink.ratio}: a share above 0 and below 1 is wanted`);
}

function checkedGrow(grow: GradualLatent): GradualLatent {
  if (!(grow.ratio > 0 && grow.ratio <= 1)) {
    throw new UsageError(`prompt option --glr ${grow.ratio}: a share above 0, at most 1, is wanted`);
  }
  if (!(grow.ratioStep > 0)) {
    throw new UsageError(`prompt option --gls ${grow.ratioStep}: a number above 0 is wanted`);
  }
  return grow;
}
