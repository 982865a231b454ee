/** From a batch of the data room to the latents, token ids and weights that a training step takes. */
import type { Batch } from "../../data/mod.ts";
import { toChannelsFirst } from "../../base/layout.ts";
import type { Family } from "../../models/mod.ts";
import type { TorchGenerator } from "../../random/mod.ts";
import {
  type AddedWords,
  CHUNK_LENGTH,
  type ClipTokenizer,
  loadTokenizer,
  withWords,
} from "../../text/mod.ts";
import type { LatentBatch } from "./batch.ts";
import { plainIds, weightedIds } from "./captions.ts";
import { encodedTextInputs, textInputs } from "./conditioning.ts";
import type { EncodedCaptions } from "./encoded_captions.ts";
import type { LatentEncoder } from "./latents.ts";
import { areaResize } from "./masks.ts";
import { type BatchPlace, maskGenerator, PAINTED, paintedInput } from "../batches/painted.ts";

/** The input that says how strongly a network takes part. */
export const MULTIPLIER = "network_multiplier";

/** The input with the pictures that a ControlNet sees. */
export const CONDITIONING = "conditioning";

export interface ExampleOptions {
  /** Captions have weights. */
  readonly weighted?: boolean;
  /** Batches say how strongly the network takes part. */
  readonly multiplied?: boolean;
  /** The model sees the conditioning pictures, in -1 to 1 or in 0 to 1; absent: they are masks. */
  readonly conditioning?: "signed" | "unit";
  /** The model is shown pictures with parts hidden; the masks come from this seed. */
  readonly inpaintingSeed?: number;
  /** Captions that are encoded already. */
  readonly encoded?: EncodedCaptions;
  /** The U-Net sees no more of the captions than the longest of a batch has tokens. */
  readonly noTokenPadding?: boolean;
  /** How each text encoder's tokenizer reads the captions: with these words, once for each entry. */
  readonly words?: readonly (readonly AddedWords[])[];
}

export class ExampleMaker {
  private constructor(
    private readonly family: Family,
    /** For each text encoder as many as there are ways to read a caption. */
    private readonly tokenizers: readonly (readonly ClipTokenizer[])[],
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
    const reading = tokenizers.map((tokenizer, i) =>
      options.words?.[i].map((words) => withWords(tokenizer, words)) ?? [tokenizer]
    );
    return new ExampleMaker(family, reading, maxTokenLength, encoder, options);
  }

  /** Encodes pictures that have no latents yet, which draws from `torch`. `place` says which masks an inpainting model gets. */
  async make(batch: Batch, torch: TorchGenerator, place: BatchPlace): Promise<LatentBatch> {
    const n = batch.captions.length;
    const { latents, shape: [h, w, c] } = await this.#latents(batch, torch);
    const { scale } = this.family.latent, { noTokenPadding, weighted, multiplied } = this.options;
    const { chunks, ...text } = weighted
      ? weightedIds(this.tokenizers[0][0], batch.captions, this.maxTokenLength)
      : plainIds(this.tokenizers, batch.captions, this.maxTokenLength);
    const { encoded } = this.options;
    const inputs = encoded
      ? encodedTextInputs(this.family, batch.captioned.map(encoded.of), encoded.widths, sizes(batch))
      : textInputs(this.family, { ...text, sizes: sizes(batch) });
    // one dataset makes a batch, so all its pictures have the same
    if (multiplied) inputs[MULTIPLIER] = batch.networkMultipliers.slice(0, 1);
    const { conditioning } = this.options;
    if (conditioning) {
      inputs[CONDITIONING] = conditioning === "unit" ? unit(batch.conditioning!) : batch.conditioning!;
    }
    const { inpaintingSeed: seed } = this.options;
    if (seed !== undefined) {
      inputs[PAINTED] = await paintedInput(batch, this.encoder, scale, maskGenerator(seed, place));
    }
    return {
      latents: toChannelsFirst(latents.map((x) => x * scale), n, c),
      shape: [n, c, h, w],
      encoded: batch.latents === null,
      chunks,
      tokens: noTokenPadding && !weighted ? this.#longest(batch.captions) : undefined,
      sampleWeights: batch.lossWeights,
      mask: masks(batch, conditioning === undefined, h, w),
      model: inputs,
    };
  }

  /** Tokens of the longest caption with begin and end, as many as a chunk has at most. */
  #longest(captions: readonly string[]): number {
    const lengths = captions.map((text) => this.tokenizers[0][0].encode(text).length + 2);
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

/** -1 to 1 -> 0 to 1. */
const unit = (values: Float32Array): Float32Array => values.map((x) => Math.fround(x + 1) / 2);

/** The red channel of conditioning pictures, where they are no more than masks, else alpha channels; at the latents' size. */
function masks(
  { alphaMasks: alpha, conditioning, bucket: [width, height], captions }: Batch,
  asMasks: boolean,
  h: number,
  w: number,
) {
  const alphaMasks = asMasks && conditioning
    ? Float32Array.from({ length: conditioning.length / 3 }, (_, i) => conditioning[3 * i] / 2 + 0.5)
    : alpha;
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
