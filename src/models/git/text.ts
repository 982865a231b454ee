/** GIT's text model (arXiv 2205.14100): BERT over the picture's tokens, which see each other, and the text behind them. */

import { attention, concat, slice, type Tensor } from "../../graph/mod.ts";
import { bertEmbed, bertFeedForward, bertOutput, bertProjections } from "../bert/mod.ts";
import { linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** A layer's keys and values of the picture, (N, tokens, width) each. */
export interface Prefix {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** The picture's own way through the layers, which no text changes. `w` is the scope `git`. */
export function gitPrefix(pictures: Tensor, w: Weights, heads: number): { prefix: Prefix[]; last: Tensor } {
  const prefix: Prefix[] = [];
  let h = pictures;
  for (const layer of w.list("encoder.layer")) {
    const [q, keys, values] = bertProjections(h, h, layer.at("attention.self"));
    prefix.push({ keys, values });
    h = bertFeedForward(
      bertOutput(h, attention(q, keys, values, { heads }), layer.at("attention.output")),
      layer,
    );
  }
  return { prefix, last: h };
}

/** The text's last states (N, L, width). ids (N, L) i32; `w` is the scope `git`. */
export function gitText(ids: Tensor, prefix: readonly Prefix[], w: Weights, heads: number): Tensor {
  let h = bertEmbed(ids, w.at("embeddings"));
  for (const [i, layer] of w.list("encoder.layer").entries()) {
    const [q, k, v] = bertProjections(h, h, layer.at("attention.self")), { keys, values } = prefix[i];
    const seen = keys.shape[1];
    // causal counts queries from the first key on: the picture's places are filled, and what they find is dropped
    const found = attention(concat([keys, q], 1), concat([keys, k], 1), concat([values, v], 1), {
      heads,
      causal: true,
    });
    h = bertFeedForward(
      bertOutput(h, slice(found, 1, seen, ids.shape[1]), layer.at("attention.output")),
      layer,
    );
  }
  return h;
}

/** states (..., width) -> (..., vocabulary). `w` is the top. */
export function gitLogits(states: Tensor, w: Weights): Tensor {
  return linear(states, w.at("output"));
}
