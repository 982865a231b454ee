/**
 * Latents whose channels have mean 0 and, once multiplied by the family's scale factor, deviation 1: what the U-Net's
 * noise schedule is made for. The convolutions around the latents take the change, so pictures stay as they are.
 */
import { type Family, VAE } from "../../models/mod.ts";

/** Mean and deviation of each channel, gathered batch by batch. */
export class LatentStatistics {
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  #count = 0;

  constructor(readonly channels: number) {
    this.#sums = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
  }

  /** latents (..., channels). */
  add(latents: Float32Array): void {
    const { channels } = this;
    for (let i = 0; i < latents.length; i++) {
      this.#sums[i % channels] += latents[i];
      this.#squares[i % channels] += latents[i] * latents[i];
    }
    this.#count += latents.length / channels;
  }

  mean(channel: number): number {
    return this.#sums[channel] / this.#count;
  }

  deviation(channel: number): number {
    return Math.sqrt(Math.max(0, this.#squares[channel] / this.#count - this.mean(channel) ** 2));
  }
}

/**
 * The autoencoder's `quant_conv` and `post_quant_conv` changed so that latents are (latents - mean) / deviation / scale
 * factor. `weights` holds all of the autoencoder by key; a new map comes back. Channels that never vary keep their size.
 */
export function standardizeLatents(
  weights: ReadonlyMap<string, Float32Array>,
  statistics: LatentStatistics,
  family: Family,
): Map<string, Float32Array> {
  const z = statistics.channels, out = new Map(weights);
  const copy = (key: string) => {
    const values = Float32Array.from(weights.get(`${VAE}.${key}`)!);
    out.set(`${VAE}.${key}`, values);
    return values;
  };
  const quant = copy("quant_conv.weight"), quantBias = copy("quant_conv.bias"); // (2z, 2z), (2z)
  const post = copy("post_quant_conv.weight"), postBias = copy("post_quant_conv.bias"); // (z, z), (z)
  for (let c = 0; c < z; c++) {
    const mean = statistics.mean(c), deviation = statistics.deviation(c);
    const gain = deviation > 1e-6 ? 1 / (deviation * family.latent.scale) : 1;
    for (let k = 0; k < 2 * z; k++) quant[c * 2 * z + k] *= gain;
    quantBias[c] = (quantBias[c] - mean) * gain;
    quantBias[z + c] += 2 * Math.log(gain); // the logarithm of the variance
    for (let o = 0; o < z; o++) {
      postBias[o] += post[o * z + c] * mean;
      post[o * z + c] /= gain;
    }
  }
  return out;
}
