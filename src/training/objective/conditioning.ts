/** Captions and picture sizes as the inputs of a training step, encoded inside its graph. */
import { cast, concat, type Graph, reshape, type Tensor } from "../../graph/mod.ts";
import { CHUNK, eosRows, type Family, trainingConditioning, type Weights } from "../../models/mod.ts";
import { timestepEmbedding } from "../../models/unet/embedding.ts";
import type { Inputs } from "../step/step.ts";

export interface StepConditioning {
  /** (N, 75 * chunks + 2, context width). */
  readonly context: Tensor;
  /** (N, vector width), SDXL only: pooled text and sizes. */
  readonly vector?: Tensor;
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

/** The graph inputs that `stepConditioning` declares. */
export function textInputs(family: Family, { ids, ids2, sizes }: TextBatch): Inputs {
  if (family !== "sdxl") return { input_ids: ids };
  if (!ids2 || !sizes) throw new TypeError("SDXL needs the second encoder's ids and the sizes");
  return { input_ids: ids, input_ids2: ids2, pooled_rows: eosRows(ids2, CHUNK), sizes };
}

/** Encodes `batch` captions of `chunks` chunks. `weights` is the top of the checkpoint. */
export function stepConditioning(
  graph: Graph,
  weights: Weights,
  family: Family,
  batch: number,
  chunks: number,
  options: { clipSkip: number | null },
): StepConditioning {
  const rows = batch * chunks;
  const ids = [graph.input("input_ids", [rows, CHUNK], "i32")];
  if (family !== "sdxl") return trainingConditioning(family, { ids, chunks }, weights, options);
  ids.push(graph.input("input_ids2", [rows, CHUNK], "i32"));
  const eos = graph.input("pooled_rows", [rows], "i32");
  const { context, pooled } = trainingConditioning(family, { ids, chunks, eosRows: eos }, weights, options);
  return { context, vector: concat([pooled!, cast(sizeEmbedding(graph, batch), pooled!.dtype)], 1) };
}

/** Sinusoids of 256 channels for each of the six numbers: (N, 1536) f32. */
function sizeEmbedding(graph: Graph, batch: number): Tensor {
  const sizes = graph.input("sizes", [batch, 6]);
  return reshape(timestepEmbedding(reshape(sizes, [batch * 6]), 256), [batch, 6 * 256]);
}
