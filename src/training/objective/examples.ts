/** From a batch of the data room to the latents, token ids and weights that a training step takes. */
import type { Batch } from "../../data/mod.ts";
import { UsageError } from "../../base/errors.ts";
import { toChannelsFirst } from "../../base/layout.ts";
import type { Family } from "../../models/mod.ts";
import type { TorchGenerator } from "../../random/mod.ts";
import { captionChunks, CHUNK_LENGTH, type ClipTokenizer, loadTokenizer } from "../../text/mod.ts";
import type { LatentBatch } from "./batch.ts";
import { textInputs } from "./conditioning.ts";
import type { LatentEncoder } from "./latents.ts";
import { areaResize } from "./masks.ts";

export interface ExampleOptions {
  /** The U-Net sees no more of the captions than the longest of a batch has tokens. */
  readonly noTokenPadding?: boolean;
}

export class ExampleMaker {
  private constructor(
    private readonly family: Family,
    private readonly tokenizers: readonly ClipTokenizer[],
    private readonly maxTokenLength: number | null,
    private readonly encoder: LatentEncoder,
    private readonly options: ExampleOptions,
  ) {}

  static async create(
    family: Family,
    maxTokenLength: number | null,
    encoder: LatentEncoder,
    options: ExampleOptions = {},
  ): Promise<ExampleMaker> {
    const tokenizers = await Promise.all(
      family.textEncoders.map(({ tokenizer }) => loadTokenizer(tokenizer)),
    );
    return new ExampleMaker(family, tokenizers, maxTokenLength, encoder, options);
  }

  /** Encodes pictures that have no latents yet, which draws from `torch`. */
  async make(batch: Batch, torch: TorchGenerator): Promise<LatentBatch> {
    const n = batch.captions.length;
    const { latents, shape: [h, w, c] } = await this.#latents(batch, torch);
    if (batch.networkMultipliers.some((m) => m !== 1)) {
      throw new UsageError("network_multiplier other than 1 is not supported yet");
    }
    const { scale } = this.family.latent;
    const ids = this.tokenizers.map((tokenizer) =>
      Int32Array.from(
        batch.captions.flatMap((text) => captionChunks(tokenizer, text, this.maxTokenLength).flat()),
      )
    );
    return {
      latents: toChannelsFirst(latents.map((x) => x * scale), n, c),
      shape: [n, c, h, w],
      encoded: batch.latents === null,
      chunks: (this.maxTokenLength ?? 75) / 75,
      tokens: this.options.noTokenPadding ? this.#longest(batch.captions) : undefined,
      sampleWeights: batch.lossWeights,
      mask: masks(batch, h, w),
      model: textInputs(this.family, { ids, sizes: sizes(batch) }),
    };
  }

  /** Tokens of the longest caption with begin and end, as many as a chunk has at most. */
  #longest(captions: readonly string[]): number {
    const lengths = captions.map((text) => this.tokenizers[0].encode(text).length + 2);
    return Math.min(CHUNK_LENGTH, Math.max(...lengths));
  }

  /** (N, h, w, C) of the autoencoder, and [h, w, C]. */
  async #latents(batch: Batch, torch: TorchGenerator) {
    if (batch.latents) return { latents: batch.latents, shape: batch.latentShape! };
    const [width, height] = batch.bucket;
    const encoded = await this.encoder.encode(batch.pixels!, batch.captions.length, height, width, torch);
    return {
      latents: encoded.latents,
      shape: [encoded.height, encoded.width, encoded.channels] as const,
    };
  }
}

function masks({ alphaMasks, bucket: [width, height], captions }: Batch, h: number, w: number) {
  if (!alphaMasks) return undefined;
  const area = width * height, out = new Float32Array(captions.length * h * w);
  captions.forEach((_, i) => {
    out.set(areaResize(alphaMasks.subarray(i * area, (i + 1) * area), height, width, h, w), i * h * w);
  });
  return out;
}

/** SDXL's six numbers of each picture. */
function sizes({ originalSizes, cropTopLefts, targetSizes }: Batch): Float32Array {
  return Float32Array.from(
    originalSizes.flatMap((size, i) => [...size, ...cropTopLefts[i], ...targetSizes[i]]),
  );
}
