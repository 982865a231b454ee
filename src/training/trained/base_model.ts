/** The model under training: text encoders and U-Net recorded from a checkpoint's shapes, its weights read on demand. */
import type { DType } from "../../base/dtype.ts";
import { concat, type Graph, slice } from "../../graph/mod.ts";
import {
  type Adapter,
  type Control,
  isInpainting,
  type ModelFile,
  type MoreRows,
  Weights,
} from "../../models/mod.ts";
import type { TextWidths } from "../../data/cache/text_file.ts";
import { encodedConditioning, stepConditioning } from "../objective/conditioning.ts";
import type { LatentsShape, Predict } from "../objective/loss.ts";
import { PAINTED } from "../batches/painted.ts";

/** An open checkpoint, or only shapes when every weight is made elsewhere. */
export type BaseModel = Pick<ModelFile, "family" | "shapes"> & {
  readonly file?: ModelFile;
  /** Captions come encoded, as so many values. */
  readonly encodedText?: TextWidths;
};

export interface PredictOptions {
  /** Activations and frozen weights. */
  readonly dtype: DType;
  /** Keys stored in another dtype: float32 of what is trained. */
  readonly storage?: (key: string) => DType;
  readonly adapter?: (graph: Graph, shape: LatentsShape) => Adapter;
  /** A ControlNet beside the U-Net. */
  readonly control?: (graph: Graph, shape: LatentsShape) => Control;
  /** See WeightsOptions. */
  readonly borrowed?: (key: string) => string | undefined;
  readonly clipSkip: number | null;
  /** Captions have weights. */
  readonly weightedCaptions: boolean;
  /** Further rows of tensors, see WeightsOptions. */
  readonly more?: MoreRows;
  /** Blocks of the U-Net with a text of their own: captions come once for each, one block's after the other's. */
  readonly blocks?: readonly string[];
}

/** Captions through the text encoders, latents through the U-Net. */
export function predictNoise(model: BaseModel, options: PredictOptions): Predict {
  return (graph, noisy, timesteps, shape) => {
    const { batch, chunks, tokens } = shape;
    const { dtype, storage, clipSkip, more, borrowed, blocks, weightedCaptions: weighted } = options;
    const adapter = options.adapter?.(graph, shape);
    const weights = Weights.over(graph, model.shapes, {
      dtype,
      storage,
      adapter,
      more,
      borrowed,
      source: model.file?.path,
    });
    const { family, encodedText } = model;
    const text = encodedText
      ? encodedConditioning(graph, dtype, family, batch, encodedText)
      : stepConditioning(graph, weights, family, batch * (blocks?.length ?? 1), chunks, {
        clipSkip,
        weighted,
      });
    // words do not look at what follows them, so cutting padding off at the end leaves them as they are
    const context = tokens === undefined ? text.context : slice(text.context, 1, 0, tokens);
    const { height, width, channels } = shape;
    const seen = isInpainting(model.shapes, family)
      ? concat([noisy, graph.input(PAINTED, [batch, height, width, 1 + channels])], 3)
      : noisy;
    return family.denoise(
      seen,
      timesteps,
      {
        ...text,
        context,
        blocks: blocks && ((block) => slice(context, 0, batch * blocks.indexOf(block), batch)),
      },
      weights,
      { control: options.control?.(graph, shape) },
    );
  };
}
