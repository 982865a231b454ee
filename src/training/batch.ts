/** A batch of latents and captions, with noise drawn for it, as the inputs of one training step. */
import type { StepConfig } from "./config.ts";
import type { NoiseLevels } from "./noise_levels.ts";
import { lossWeights } from "./loss_weights.ts";
import { drawStep, type LatentShape, type StepDraws, type StepGenerators } from "./noise.ts";
import type { LatentsShape } from "./loss.ts";
import type { Inputs } from "./step.ts";

/** Pictures and captions before noise. */
export interface LatentBatch {
  /** (N, C, H, W), already multiplied by the VAE's scale factor. */
  readonly latents: Float32Array;
  readonly shape: LatentShape;
  /** Chunks of a caption. */
  readonly chunks: number;
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
): { step: LatentsShape; inputs: Inputs; draws: StepDraws } {
  const { latents, shape, mask } = batch;
  const [n, , height, width] = shape;
  const draws = drawStep(config, schedule, latents, shape, generators);
  const inputs: Inputs = {
    ...batch.model,
    noisy_latents: channelsLast(draws.noisyLatents, shape),
    target: channelsLast(draws.target, shape),
    timesteps: Float32Array.from(draws.timesteps),
    loss_weights: lossWeights(config, schedule, draws.timesteps, batch.sampleWeights),
  };
  if (draws.huberC) inputs.huber_c = draws.huberC;
  if (mask) inputs.mask = mask;
  return {
    step: { batch: n, height, width, chunks: batch.chunks, masked: mask !== undefined },
    inputs,
    draws,
  };
}

/** (N, C, H, W) -> (N, H, W, C). */
export function channelsLast(x: Float32Array, [n, c, h, w]: LatentShape): Float32Array {
  const out = new Float32Array(x.length);
  const area = h * w;
  for (let i = 0, s = 0; s < n; s++) {
    for (let p = 0; p < area; p++) for (let k = 0; k < c; k++) out[i++] = x[(s * c + k) * area + p];
  }
  return out;
}

/** (N, H, W, C) -> (N, C, H, W). */
export function channelsFirst(x: Float32Array, [n, c, h, w]: LatentShape): Float32Array {
  const out = new Float32Array(x.length);
  const area = h * w;
  for (let i = 0, s = 0; s < n; s++) {
    for (let k = 0; k < c; k++) for (let p = 0; p < area; p++) out[i++] = x[(s * area + p) * c + k];
  }
  return out;
}
