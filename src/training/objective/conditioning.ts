/** Captions and picture sizes as the inputs of a training step, encoded inside its graph. */
import type { DType } from "../../base/dtype.ts";
import { joined } from "../../base/joined.ts";
import type { CachedText, TextWidths } from "../../data/cache/text_file.ts";
import { cast, concat, type Graph } from "../../graph/mod.ts";
import { CHUNK, type Denoised, eosRows, type Family, type Weights } from "../../models/mod.ts";
import type { CaptionIds } from "./captions.ts";
import type { Inputs } from "../step/step.ts";

/** Captions of a batch as the graph takes them. */
export interface TextBatch extends Omit<CaptionIds, "chunks"> {
  /** Original height and width, crop top and left, target height and width of each sample, where the model knows sizes. */
  readonly sizes?: Float32Array;
}

const idsOf = (encoder: number) => `input_ids${encoder === 0 ? "" : encoder + 1}`;

/** The graph inputs that `stepConditioning` declares. */
export function textInputs(family: Family, { ids, weights, sizes }: TextBatch): Inputs {
  const inputs: Inputs = Object.fromEntries(ids.map((rows, i) => [idsOf(i), rows]));
  if (weights) inputs.token_weights = weights;
  if (family.text.pooled) inputs.pooled_rows = eosRows(ids.at(-1)!, CHUNK);
  if (family.sizes) {
    if (!sizes) throw new TypeError(`${family.label} needs the sizes of the pictures`);
    inputs.sizes = sizes;
  }
  return inputs;
}

/** The inputs of captions that are encoded already; see TextWidths. */
export function encodedTextInputs(
  family: Family,
  captions: readonly CachedText[],
  { tokens, hidden: [first, second] }: TextWidths,
  sizes: Float32Array,
): Inputs {
  const row = first + second, context = new Float32Array(captions.length * tokens * row);
  captions.forEach(({ hidden }, n) => {
    for (let t = 0; t < tokens; t++) {
      const at = (n * tokens + t) * row;
      context.set(hidden[0].subarray(t * first, (t + 1) * first), at);
      context.set(hidden[1].subarray(t * second, (t + 1) * second), at + first);
    }
  });
  const pooled = joined(Float32Array, captions.map((caption) => caption.pooled));
  return { context, pooled_text: pooled, ...(family.sizes && { sizes }) };
}

/** The same as stepConditioning() for captions that are encoded already. */
export function encodedConditioning(
  graph: Graph,
  dtype: DType,
  family: Family,
  batch: number,
  { tokens, hidden: [first, second], pooled: width }: TextWidths,
): Denoised {
  const context = cast(graph.input("context", [batch, tokens, first + second]), dtype);
  const pooled = cast(graph.input("pooled_text", [batch, width]), dtype);
  const embedded = family.sizes!.embedding(graph.input("sizes", [batch, 6]));
  return { context, vector: concat([pooled, cast(embedded, dtype)], 1) };
}

/** Encodes `batch` captions of `chunks` chunks. `weights` is the top of the checkpoint. */
export function stepConditioning(
  graph: Graph,
  weights: Weights,
  family: Family,
  batch: number,
  chunks: number,
  { clipSkip, weighted }: { clipSkip: number | null; weighted: boolean },
): Denoised {
  const rows = batch * chunks, { text, sizes } = family;
  const ids = family.textEncoders.map((_, i) => graph.input(idsOf(i), [rows, CHUNK], "i32"));
  const eos = text.pooled ? graph.input("pooled_rows", [rows], "i32") : undefined;
  const inputs = { ids, chunks, eosRows: eos };
  if (weighted) {
    const tokenWeights = [graph.input("token_weights", [batch, chunks * CHUNK])];
    return text.prompts({ ...inputs, weights: tokenWeights }, weights, {
      clipSkip: text.trainedLayer(clipSkip),
    });
  }
  const { context, pooled } = text.captions(inputs, weights, { clipSkip });
  if (!pooled || !sizes) return { context };
  const embedded = sizes.embedding(graph.input("sizes", [batch, 6]));
  return { context, vector: concat([pooled, cast(embedded, pooled.dtype)], 1) };
}
