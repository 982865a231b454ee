/**
 * Stable Diffusion's noise schedule as tables over its 1000 timesteps, rounded where the reference's float32 tensors are.
 * (PyTorch's own square root is not always rounded correctly and differs from processor to processor; ours is.)
 */

export const TIMESTEPS = 1000;

export interface NoiseSchedule {
  readonly betas: Float32Array;
  /** 1 - betas. */
  readonly alphas: Float32Array;
  /** Running product of alphas: the share of signal left in the variance at each timestep. */
  readonly alphasCumprod: Float32Array;
}

/** scaled_linear: the betas' square roots run evenly from sqrt(0.00085) to sqrt(0.012). */
export function noiseSchedule(): NoiseSchedule {
  const first = Math.fround(Math.sqrt(0.00085)), last = Math.fround(Math.sqrt(0.012));
  const step = Math.fround(Math.fround(last - first) / (TIMESTEPS - 1));
  return scheduleOf(Float32Array.from({ length: TIMESTEPS }, (_, t) => {
    // PyTorch's linspace counts from the nearer end and rounds once, after multiplying and adding.
    const root = Math.fround(
      t < TIMESTEPS / 2 ? first + step * t : last - step * (TIMESTEPS - 1 - t),
    );
    return root * root;
  }));
}

/** The same schedule shifted and scaled so that the last timestep is pure noise (arXiv 2305.08891). */
export function zeroTerminalSnr({ alphasCumprod }: NoiseSchedule): NoiseSchedule {
  const root = alphasCumprod.map(Math.sqrt);
  const first = root[0], last = root[root.length - 1];
  const scale = Math.fround(first / Math.fround(first - last));
  const shifted = root.map((r) => Math.fround(Math.fround(r - last) * scale) ** 2);
  // by way of the betas, whose rounding is part of the reference's numbers
  return scheduleOf(shifted.map((a, t) => 1 - Math.fround(t === 0 ? a : a / shifted[t - 1])));
}

/** Everything that follows from the betas. */
export function scheduleOf(betas: Float32Array): NoiseSchedule {
  const alphas = betas.map((beta) => 1 - beta);
  let product = 1; // float64 between the elements, as PyTorch accumulates
  return { betas, alphas, alphasCumprod: alphas.map((alpha) => product *= alpha) };
}

/** sqrt((1 - a) / a) for each timestep: how much stronger the noise is than the signal. */
export function noiseSigmas({ alphasCumprod }: NoiseSchedule): Float32Array {
  return alphasCumprod.map((a) => Math.sqrt(Math.fround(Math.fround(1 - a) / a)));
}

/** (sqrt(a) / sqrt(1 - a))^2 for each timestep: signal over noise in the variance, what loss weights go by. */
export function signalToNoise({ alphasCumprod }: NoiseSchedule): Float32Array {
  return alphasCumprod.map((a) =>
    Math.fround(Math.fround(Math.sqrt(a)) / Math.fround(Math.sqrt(Math.fround(1 - a)))) ** 2
  );
}
