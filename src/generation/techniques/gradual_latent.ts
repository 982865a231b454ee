/** Gradual Latent (sd-scripts' GradualLatent): sampling begins with small latents, which grow while it goes on. */

import { bicubicWeights, interpolatedValues, type LatentShape } from "../../models/mod.ts";
import type { Growth } from "../samplers/mod.ts";

export interface GradualLatent {
  /** Size of the first latents, as a share of each side. */
  readonly ratio: number;
  /** Latents grow below this timestep. */
  readonly timesteps: number;
  readonly everyNSteps: number;
  readonly ratioStep: number;
  /** Factor of the noise of a step that grows. */
  readonly sNoise: number;
  readonly unsharp: Unsharp | null;
}

/** A mask that sharpens what was enlarged. */
export interface Unsharp {
  /** Pixels, odd. */
  readonly ksize: number;
  readonly sigma: number;
  readonly strength: number;
  /** Sharpened is the step's result, else the latents before it. */
  readonly targetX: boolean;
}

/** Reads `ksize,sigma,strength[,target_x]`. Throws SyntaxError for what it is not. */
export function unsharpOf(text: string): Unsharp {
  const numbers = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  const [ksize, sigma, strength, targetX = 1] = numbers;
  const right = numbers.length >= 3 && numbers.length <= 4 && numbers.every(Number.isFinite) &&
    Number.isInteger(ksize) && ksize > 0 && ksize % 2 === 1 && sigma > 0;
  if (!right) {
    throw new SyntaxError(
      `"${text}" is no kernel size (odd), sigma, strength and, if wanted, 1 or 0, as 3,0.5,0.5,1`,
    );
  }
  return { ksize, sigma, strength, targetX: targetX !== 0 };
}

/** A U-Net halves three times. */
const HALVED = 2 ** 3;

/** The sizes that a run goes through. `full` is that of the finished latents, at a ratio of 1. */
export class Growing {
  #ratio: number;
  #since = Infinity;

  constructor(private readonly settings: GradualLatent, private readonly full: LatentShape) {
    this.#ratio = settings.ratio;
  }

  /** Latents (N, h, w, C) as small as a run begins with. */
  begin(latents: Float32Array): { latents: Float32Array; shape: LatentShape } {
    const { ratio, unsharp } = this.settings, { batch, height, width, channels } = this.full;
    const side = (from: number) => Math.max(1, Math.floor(from * ratio));
    const weights = (from: number) => bicubicWeights(from, side(from), 1 / ratio);
    const shape = { ...this.full, height: side(height), width: side(width) };
    const small = interpolatedValues(
      latents,
      [batch, height, width, channels],
      weights(height),
      weights(width),
    );
    return { latents: unsharp ? sharpened(small, shape, unsharp) : small, shape };
  }

  /** The size that the step at a timestep grows to, or null: multiples of 8 on the way, and never none. */
  next(timestep: number): LatentShape | null {
    const { timesteps, everyNSteps, ratioStep } = this.settings;
    const grows = timestep < timesteps && this.#ratio < 1 && this.#since >= everyNSteps;
    this.#since = grows ? 1 : this.#since + 1;
    if (!grows) return null;
    this.#ratio = Math.min(this.#ratio + ratioStep, 1);
    // sd-scripts rounds the last one, too, so that the picture becomes smaller than was asked for
    const side = (whole: number) =>
      this.#ratio === 1
        ? whole
        : Math.min(whole, Math.max(1, Math.floor(whole * this.#ratio / HALVED)) * HALVED);
    return { ...this.full, height: side(this.full.height), width: side(this.full.width) };
  }

  /** What the sampler needs for a step from one size to the other. */
  growth(from: LatentShape, to: LatentShape): Growth {
    const { unsharp, sNoise } = this.settings;
    const rows = bicubicWeights(from.height, to.height), columns = bicubicWeights(from.width, to.width);
    return {
      ofResult: unsharp?.targetX ?? true,
      noise: sNoise,
      enlarge(values, sharpen) {
        const large = interpolatedValues(
          values,
          [from.batch, from.height, from.width, from.channels],
          rows,
          columns,
        );
        return sharpen && unsharp ? sharpened(large, to, unsharp) : large;
      },
    };
  }
}

/** x + strength * (x - blurred), torchvision's gaussian_blur: edges mirrored without the outermost pixel. */
export function sharpened(
  values: Float32Array,
  { batch, height, width, channels }: LatentShape,
  { ksize, sigma, strength }: Unsharp,
): Float32Array {
  const half = (ksize - 1) / 2;
  const bell = Array.from({ length: ksize }, (_, i) => Math.exp(-0.5 * ((i - half) / sigma) ** 2));
  const total = bell.reduce((a, b) => a + b), kernel = bell.map((x) => x / total);
  const blur = (size: number) => {
    const weights = new Float32Array(size * size);
    for (let i = 0; i < size; i++) {
      kernel.forEach((weight, k) => weights[i * size + mirrored(i + k - half, size)] += weight);
    }
    return weights;
  };
  const blurred = interpolatedValues(values, [batch, height, width, channels], blur(height), blur(width));
  return values.map((x, i) => x + strength * (x - blurred[i]));
}

function mirrored(i: number, size: number): number {
  const folded = Math.abs(i);
  return folded < size ? folded : 2 * (size - 1) - folded;
}
