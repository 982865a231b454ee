/** Factors on each sample's loss: regularisation images, and what the timestep says about its worth. */
import type { StepConfig } from "../options.ts";
import type { NoiseLevels } from "./noise_levels.ts";

type WeightOptions = Pick<
  StepConfig,
  | "minSnrGamma"
  | "scaleVPredLossLikeNoisePred"
  | "vPredLikeLoss"
  | "debiasedEstimationLoss"
  | "vParameterization"
>;

/**
 * One factor per sample: `sampleWeights` (1, or prior_loss_weight) times the factors of the timestep options, which are
 * all linear in the loss and applied in train_network.py's order.
 */
export function lossWeights(
  config: WeightOptions,
  schedule: NoiseLevels,
  timesteps: ArrayLike<number>,
  sampleWeights: ArrayLike<number>,
): Float32Array {
  return Float32Array.from(timesteps, (t, i) => sampleWeights[i] * timestepWeight(config, schedule.snr[t]));
}

function timestepWeight(config: WeightOptions, snr: number): number {
  const v = config.vParameterization;
  let weight = 1;
  if (config.minSnrGamma) {
    // min-SNR (arXiv 2303.09556)
    const capped = Math.min(snr, config.minSnrGamma);
    weight *= v ? capped / (snr + 1) : capped / snr;
  }
  const limited = Math.min(snr, 1000);
  const share = limited / (limited + 1);
  if (config.scaleVPredLossLikeNoisePred) weight *= share;
  if (config.vPredLikeLoss) weight *= 1 + config.vPredLikeLoss / share;
  // debiased estimation (arXiv 2310.08442)
  if (config.debiasedEstimationLoss) weight *= v ? 1 / (limited + 1) : 1 / Math.sqrt(limited);
  return weight;
}
