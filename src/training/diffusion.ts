/** The noise levels of Stable Diffusion's 1000 timesteps, rounded like the reference's float32 tensors. */

export const TIMESTEPS = 1000;

export interface NoiseSchedule {
  /** alphas_cumprod, (1000) f32: the share of signal left at each timestep. */
  readonly alphasCumprod: Float32Array;
  /** alphas_cumprod / (1 - alphas_cumprod) of the unchanged schedule: what the loss weights use. */
  readonly snr: Float32Array;
}

/** scaled_linear betas from 0.00085 to 0.012; with `zeroTerminalSnr` the last timestep is pure noise (arXiv 2305.08891). */
export function noiseSchedule(zeroTerminalSnr = false): NoiseSchedule {
  const betas = new Float32Array(TIMESTEPS);
  const [first, last] = [Math.fround(0.00085 ** 0.5), Math.fround(0.012 ** 0.5)];
  const step = Math.fround((last - first) / (TIMESTEPS - 1));
  for (let t = 0; t < TIMESTEPS; t++) {
    // torch.linspace counts from the nearer end
    const root = t < TIMESTEPS / 2
      ? Math.fround(first + Math.fround(step * t))
      : Math.fround(last - Math.fround(step * (TIMESTEPS - 1 - t)));
    betas[t] = root * root;
  }
  const plain = cumulativeProduct(betas.map((beta) => 1 - beta));
  // SNR weights keep the original schedule even when the betas are changed below, as in the reference
  const snr = plain.map((a) => Math.fround(Math.fround(Math.sqrt(a)) / Math.fround(Math.sqrt(1 - a))) ** 2);
  if (!zeroTerminalSnr) return { alphasCumprod: plain, snr };
  return { alphasCumprod: enforceZeroTerminalSnr(plain), snr };
}

function cumulativeProduct(values: Float32Array): Float32Array {
  let product = 1;
  return values.map((value) => product *= value);
}

/** Shifts and scales sqrt(alphas_cumprod) so that its last value is 0 and its first stays. */
function enforceZeroTerminalSnr(alphasCumprod: Float32Array): Float32Array {
  const root = alphasCumprod.map(Math.sqrt);
  const [first, last] = [root[0], root[root.length - 1]];
  const scale = Math.fround(first / Math.fround(first - last));
  const fixed = root.map((r) => Math.fround(Math.fround(r - last) * scale) ** 2);
  // by way of the betas, whose rounding is part of the reference's numbers
  const alphas = fixed.map((a, t) => t === 0 ? a : a / fixed[t - 1]);
  return cumulativeProduct(alphas.map((alpha) => 1 - Math.fround(1 - alpha)));
}
