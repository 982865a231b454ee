/** The shapes that take the most memory: a training that holds them holds all others. */
import type { Dataset } from "../../data/mod.ts";
import { type Latent, latentShape } from "../../models/mod.ts";
import { mostChunks } from "../objective/captions.ts";
import type { LatentsShape } from "../objective/loss.ts";

/** Pictures of a batch, with sides in pixels. */
export interface PictureShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

/** Of each dataset the batch with the most pixels; `most` pictures a batch, where that is not the dataset's own size. */
export function largestBatches(
  { datasets }: { readonly datasets: readonly Dataset[] },
  most?: number,
): PictureShape[] {
  return datasets.map(({ buckets, params }) => {
    const shapes = buckets.map(({ size: [width, height], members }) => ({
      batch: Math.min(most ?? params.batch_size, members.length),
      height,
      width,
    }));
    const pixels = ({ batch, height, width }: PictureShape) => batch * height * width;
    return shapes.reduce((a, b) => pixels(b) > pixels(a) ? b : a);
  });
}

interface LargestConfig {
  readonly maxTokenLength: number | null;
  /** Conditioning pictures are masks. */
  readonly maskedLoss?: boolean;
}

/** The same as a diffusion step sees them. */
export function largestLatents(
  group: { readonly datasets: readonly Dataset[] },
  latent: Latent,
  { maxTokenLength, maskedLoss = false }: LargestConfig,
): LatentsShape[] {
  return largestBatches(group).map(({ batch, ...size }, i) => ({
    ...latentShape(latent, batch, size),
    chunks: mostChunks(maxTokenLength),
    masked: group.datasets[i].subsets.some((subset) =>
      "alpha_mask" in subset && subset.alpha_mask || maskedLoss && "conditioning_data_dir" in subset
    ),
  }));
}
