/** Stable Diffusion's noise schedule as tables over its 1000 timesteps, rounded like the reference's float32 tensors. */

export const TRAIN_TIMESTEPS = 1000;

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
  const step = Math.fround(Math.fround(last - first) / (TRAIN_TIMESTEPS - 1));
  const betas = Float32Array.from({ length: TRAIN_TIMESTEPS }, (_, t) => {
    // PyTorch's linspace counts from the nearer end and rounds once, after multiplying and adding.
    const root = Math.fround(
      t < TRAIN_TIMESTEPS / 2 ? first + step * t : last - step * (TRAIN_TIMESTEPS - 1 - t),
    );
    return root * root;
  });
  return fromBetas(betas);
}

/** The same schedule shifted and scaled so that the last timestep is pure noise (arXiv 2305.08891). */
export function zeroTerminalSnr({ alphasCumprod }: NoiseSchedule): NoiseSchedule {
  const root = alphasCumprod.map(Math.sqrt);
  const first = root[0], last = root[root.length - 1];
  const scale = Math.fround(first / Math.fround(first - last));
  const shifted = root.map((r) => Math.fround(Math.fround(r - last) * scale) ** 2);
  return fromBetas(shifted.map((a, t) => 1 - Math.fround(t === 0 ? a : a / shifted[t - 1])));
}

/** sqrt((1 - a) / a) for each timestep: how much stronger the noise is than the signal. */
export function noiseSigmas({ alphasCumprod }: NoiseSchedule): Float32Array {
  return alphasCumprod.map((a) => Math.sqrt(Math.fround(Math.fround(1 - a) / a)));
}

function fromBetas(betas: Float32Array): NoiseSchedule {
  const alphas = betas.map((beta) => 1 - beta);
  let product = 1; // float64 between the elements, as PyTorch accumulates
  return { betas, alphas, alphasCumprod: alphas.map((alpha) => product *= alpha) };
}
