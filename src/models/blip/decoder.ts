/** BLIP's text decoder (arXiv 2201.12086): BERT with causal attention, and a look at the picture in each layer. */

import { add, attention, gelu, linear as product, reshape, type Tensor } from "../../graph/mod.ts";
import { bertCausal, bertEmbed, bertFeedForward, bertNorm, bertOutput } from "../bert/mod.ts";
import { linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** A layer's keys and values of the pictures, (N, tokens, width) each. */
export interface SeenPictures {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** What the layers look at, which no text changes. `w` is the scope `text_decoder`. */
export function blipSeen(pictures: Tensor, w: Weights): SeenPictures[] {
  return w.list("bert.encoder.layer").map((layer) => {
    const cross = layer.at("crossattention.self");
    return { keys: linear(pictures, cross.at("key")), values: linear(pictures, cross.at("value")) };
  });
}

/**
 * The hidden states, embeddings first, (N * beams, L, width) each: the rows of a picture lie one behind the other. ids
 * (N * beams, L) i32.
 */
export function blipText(ids: Tensor, seen: readonly SeenPictures[], w: Weights, heads: number): Tensor[] {
  const states = [bertEmbed(ids, w.at("bert.embeddings"))];
  for (const [i, layer] of w.list("bert.encoder.layer").entries()) {
    const h = bertCausal(states[i], layer.at("attention"), heads);
    states.push(bertFeedForward(lookAt(h, seen[i], layer.at("crossattention"), heads), layer));
  }
  return states;
}

/** All rows of a picture ask at once: nothing is masked, so they may stand in one. */
function lookAt(x: Tensor, { keys, values }: SeenPictures, w: Weights, heads: number): Tensor {
  const [rows, length, width] = x.shape, [pictures] = keys.shape;
  const queries = reshape(linear(x, w.at("self.query")), [pictures, rows / pictures * length, width]);
  const found = attention(queries, keys, values, { heads });
  return bertOutput(x, reshape(found, x.shape), w.at("output"));
}

/** states (..., width) -> (..., vocabulary). `w` is the scope `text_decoder`; the matrix may be that of the words. */
export function blipLogits(states: Tensor, w: Weights): Tensor {
  const head = w.at("cls.predictions"), transform = head.at("transform");
  const h = bertNorm(gelu(linear(states, transform.at("dense"))), transform.at("LayerNorm"));
  const matrix = head.has("decoder.weight")
    ? head.tensor("decoder.weight")
    : w.tensor("bert.embeddings.word_embeddings.weight");
  const bias = head.maybe("decoder.bias") ?? head.tensor("bias");
  return add(product(h, matrix), bias);
}
