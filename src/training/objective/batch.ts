/** A batch of latents and captions, with noise drawn for it, as the inputs of one training step. */
import { toChannelsLast } from "../../base/layout.ts";
import type { StepConfig } from "../options.ts";
import type { NoiseLevels } from "./noise_levels.ts";
import { lossWeights } from "./loss_weights.ts";
import { drawStep, type Latents, type StepDraws, type StepGenerators } from "./noise.ts";
import type { Inputs } from "../step/step.ts";

/** Pictures and captions before noise. */
export interface LatentBatch extends Latents {
  /** Chunks of a caption. */
  readonly chunks: number;
  /** Of the longest caption, begin and end included, where padding is left out; see LatentsShape. */
  readonly tokens?: number;
  /** Factor on each sample's loss: 1, or prior_loss_weight. */
  readonly sampleWeights: ArrayLike<number>;
  /** (N, H, W) in 0 to 1, at the latents' size. */
  readonly mask?: Float32Array;
  /** Inputs of the model: token ids and the like. */
  readonly model: Inputs;
}

/** Draws noise and timesteps and lays everything out channels-last. */
export function noiseBatch(
  config: StepConfig,
  schedule: NoiseLevels,
  batch: LatentBatch,
  generators: StepGenerators,
): { inputs: Inputs; draws: StepDraws } {
  const { mask } = batch;
  const [n, channels] = batch.shape;
  const draws = drawStep(config, schedule, batch, generators);
  const inputs: Inputs = {
    ...batch.model,
    noisy_latents: toChannelsLast(draws.noisyLatents, n, channels),
    target: toChannelsLast(draws.target, n, channels),
    timesteps: Float32Array.from(draws.timesteps),
    loss_weights: lossWeights(config, schedule, draws.timesteps, batch.sampleWeights),
  };
  if (draws.huberC) inputs.huber_c = draws.huberC;
  if (mask) inputs.mask = mask;
  return { inputs, draws };
}
