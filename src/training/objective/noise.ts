/**
 * What a training step draws at random, in the reference's order, and what follows from it for each sample: noisy
 * latents and target. All of it is a few thousand numbers, so it is made here and uploaded as inputs.
 */
import type { PythonRandom, TorchGenerator } from "../../random/mod.ts";
import { UsageError } from "../../base/errors.ts";
import { toChannelsFirst } from "../../base/layout.ts";
import type { StepConfig } from "../options.ts";
import { pyramidNoise } from "../../models/noise/pyramid.ts";
import { TIMESTEPS } from "../../models/noise/schedule.ts";
import type { NoiseLevels } from "./noise_levels.ts";

/** (N, C, H, W): PyTorch's order, in which noise is drawn. */
export type LatentShape = readonly [n: number, c: number, h: number, w: number];

/** What noise is drawn for. */
export interface Latents {
  /** (N, C, H, W), already multiplied by the VAE's scale factor. */
  readonly latents: Float32Array;
  readonly shape: LatentShape;
  /**
   * Fresh from the autoencoder's encoder. Its attention leaves PyTorch's tensors channels-last for N > 1 (cached latents
   * are stacked anew), and noise like them is drawn in the order of memory.
   */
  readonly encoded?: boolean;
}

export interface StepDraws {
  /** N timesteps in [0, 1000). */
  readonly timesteps: Int32Array;
  /** (N, C, H, W) each. */
  readonly noise: Float32Array;
  readonly noisyLatents: Float32Array;
  /** What the U-Net should answer: the noise, or the velocity. */
  readonly target: Float32Array;
  /** Per sample, null with the l2 and l1 losses. */
  readonly huberC: Float32Array | null;
}

export interface StepGenerators {
  readonly torch: TorchGenerator;
  readonly python: PythonRandom;
}

/**
 * Draws noise, noise offset, pyramid noise, timesteps and input perturbation, in this order (train_util
 * get_noise_noisy_latents_and_timesteps).
 */
export function drawStep(
  config: StepConfig,
  schedule: NoiseLevels,
  given: Latents,
  { torch, python }: StepGenerators,
): StepDraws {
  const { latents, shape } = given, [n] = shape;
  let noise = noiseLike(given, torch);
  if (config.noiseOffset) noise = offsetNoise(config, noise, latents, shape, torch);
  if (config.multiresNoiseIterations) {
    noise = pyramidNoise(
      noise,
      shape,
      config.multiresNoiseIterations,
      config.multiresNoiseDiscount,
      torch,
      python,
    );
  }
  const timesteps = drawTimesteps(config, n, torch);
  const huberC = huberConstants(config, schedule, timesteps);
  let added: Float32Array = noise;
  if (config.ipNoiseGamma) {
    const strength = config.ipNoiseGammaRandomStrength
      ? Math.fround(torch.rand(1)[0] * config.ipNoiseGamma)
      : config.ipNoiseGamma;
    const extra = noiseLike(given, torch);
    added = noise.map((x, i) => x + Math.fround(strength * extra[i]));
  }
  const signal = Float32Array.from(timesteps, (t) => Math.sqrt(schedule.alphasCumprod[t]));
  const sigma = Float32Array.from(timesteps, (t) => Math.sqrt(Math.fround(1 - schedule.alphasCumprod[t])));
  const each = latents.length / n;
  const blend = (a: Float32Array, x: Float32Array, b: Float32Array, y: Float32Array, sign: 1 | -1) =>
    Float32Array.from(latents, (_, i) => {
      const s = Math.floor(i / each);
      return Math.fround(a[s] * x[i]) + sign * Math.fround(b[s] * y[i]);
    });
  return {
    timesteps,
    noise,
    noisyLatents: blend(signal, latents, sigma, added, 1),
    target: config.vParameterization ? blend(signal, noise, sigma, latents, -1) : noise,
    huberC,
  };
}

/** A timestep for each of `count` pictures. */
export function drawTimesteps(
  { minTimestep, maxTimestep }: Pick<StepConfig, "minTimestep" | "maxTimestep">,
  count: number,
  torch: TorchGenerator,
): Int32Array {
  const least = minTimestep ?? 0, beyond = maxTimestep ?? TIMESTEPS;
  // one timestep alone, as validation asks for, is not drawn
  return least < beyond
    ? Int32Array.from(torch.randint(least, beyond, count), Number)
    : new Int32Array(count).fill(beyond);
}

/** torch.randn_like(latents), (N, C, H, W). */
function noiseLike(
  { latents, shape: [n, c], encoded = false }: Latents,
  torch: TorchGenerator,
): Float32Array {
  if (!encoded || n === 1) return torch.randn(latents.length);
  return toChannelsFirst(torch.randn(latents.length, { contiguous: false }), n, c);
}

/** Adds one random constant per sample and channel (crosslabs.org, "diffusion with offset noise"). */
function offsetNoise(
  config: StepConfig,
  noise: Float32Array,
  latents: Float32Array,
  [n, c, h, w]: LatentShape,
  torch: TorchGenerator,
): Float32Array {
  let offset = config.noiseOffset!;
  if (config.noiseOffsetRandomStrength) offset = Math.fround(torch.rand(1)[0] * offset);
  const area = h * w;
  const adaptive = config.adaptiveNoiseScale;
  const offsets = Float32Array.from({ length: n * c }, (_, k) => {
    if (adaptive === null) return offset;
    let sum = 0;
    for (let i = k * area; i < (k + 1) * area; i++) sum += latents[i];
    return Math.max(0, offset + adaptive * Math.abs(sum / area));
  });
  const drawn = torch.randn(n * c);
  return noise.map((x, i) => {
    const k = Math.floor(i / area);
    return x + Math.fround(offsets[k] * drawn[k]);
  });
}

/** The transition point of the huber and smooth_l1 losses for each timestep; null for losses that have none. */
function huberConstants(
  config: StepConfig,
  schedule: NoiseLevels,
  timesteps: Int32Array,
): Float32Array | null {
  if (config.lossType === "l2" || config.lossType === "l1") return null;
  const c = config.huberC;
  switch (config.huberSchedule) {
    case "constant":
      return new Float32Array(timesteps.length).fill(c * config.huberScale);
    case "exponential": {
      const alpha = -Math.log(c) / TIMESTEPS;
      return Float32Array.from(timesteps, (t) => Math.exp(-alpha * t) * config.huberScale);
    }
    case "snr":
      return Float32Array.from(timesteps, (t) => {
        const a = schedule.alphasCumprod[t];
        return (1 - c) / (1 + Math.sqrt((1 - a) / a)) ** 2 + c;
      });
    default:
      throw new UsageError(
        `--huber_schedule ${config.huberSchedule} is unknown; use constant, exponential or snr`,
      );
  }
}
