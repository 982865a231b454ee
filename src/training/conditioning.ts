/** From token ids to what the U-Net attends to, as training encodes captions: inside the step's graph. */
import { cast, concat, type Graph, reshape, type Tensor } from "../graph/mod.ts";
import {
  CHUNK,
  clipL,
  eosRows,
  firstChunks,
  openClip,
  type TextStates,
  trainingContext,
} from "../models/clip/mod.ts";
import { timestepEmbedding } from "../models/unet/embedding.ts";
import type { Weights } from "../models/weights.ts";
import type { Family } from "../networks/targets.ts";
import type { Inputs } from "./step.ts";

export interface Conditioning {
  /** (N, 75 * chunks + 2, context width). */
  readonly context: Tensor;
  /** (N, vector width), SDXL only. */
  readonly vector?: Tensor;
}

export interface TextOptions {
  /** Layers counted from the end, 1 the last; null is the family's own. */
  readonly clipSkip: number | null;
  readonly checkpointing: boolean;
}

/** Captions of a batch as the graph takes them. */
export interface TextBatch {
  /** N * chunks rows of 77 ids. */
  readonly ids: Int32Array;
  /** SDXL's second encoder, padded with 0. */
  readonly ids2?: Int32Array;
  /** SDXL: original height and width, crop top and left, target height and width of each sample. */
  readonly sizes?: Float32Array;
}

/** The graph inputs that `conditioning` declares. */
export function textInputs(family: Family, { ids, ids2, sizes }: TextBatch): Inputs {
  if (family !== "sdxl") return { input_ids: ids };
  if (!ids2 || !sizes) throw new TypeError("SDXL needs the second encoder's ids and the sizes");
  return { input_ids: ids, input_ids2: ids2, pooled_rows: eosRows(ids2, CHUNK), sizes };
}

/** Encodes `batch` captions of `chunks` chunks. `weights` is the top of the checkpoint. */
export function conditioning(
  graph: Graph,
  weights: Weights,
  family: Family,
  batch: number,
  chunks: number,
  options: TextOptions,
): Conditioning {
  const ids = graph.input("input_ids", [batch * chunks, CHUNK], "i32");
  const { checkpointing } = options;
  if (family !== "sdxl") {
    const states = family === "sd1"
      ? clipL(ids, weights.at("cond_stage_model.transformer.text_model"), { checkpointing })
      // the model never used the last layer of the checkpoint
      : openClip(ids, weights.at("cond_stage_model.model"), { checkpointing, drop: 1 });
    return { context: trainingContext(states.normed(options.clipSkip ?? 1), chunks) };
  }
  const first = clipL(ids, weights.at("conditioner.embedders.0.transformer.text_model"), { checkpointing });
  const ids2 = graph.input("input_ids2", [batch * chunks, CHUNK], "i32");
  const second = openClip(ids2, weights.at("conditioner.embedders.1.model"), { checkpointing });
  const penultimate = (states: TextStates) => trainingContext(states.hidden(-2), chunks);
  const pooled = firstChunks(second.pooled(graph.input("pooled_rows", [batch * chunks], "i32")), chunks);
  return {
    context: concat([penultimate(first), penultimate(second)], 2),
    vector: concat([pooled, cast(sizeEmbedding(graph, batch), pooled.dtype)], 1),
  };
}

/** Sinusoids of 256 channels for each of the six numbers: (N, 1536) f32. */
function sizeEmbedding(graph: Graph, batch: number): Tensor {
  const sizes = graph.input("sizes", [batch, 6]);
  return reshape(timestepEmbedding(reshape(sizes, [batch * 6]), 256), [batch, 6 * 256]);
}
