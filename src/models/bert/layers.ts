/** BERT's parts (arXiv 1810.04805), which the captioning models BLIP and GIT are made of: every norm comes last. */

import { add, attention, embedding, gelu, layerNorm, reshape, slice, type Tensor } from "../../graph/mod.ts";
import { linear } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** LayerNorm with BERT's eps. */
export function bertNorm(x: Tensor, w: Weights): Tensor {
  const { weight, bias } = w.norm();
  return layerNorm(x, weight, bias, { eps: 1e-12 });
}

/** Words and their positions. ids (N, L) i32 -> (N, L, width). */
export function bertEmbed(ids: Tensor, w: Weights): Tensor {
  const positions = w.tensor("position_embeddings.weight"),
    [, width] = positions.shape,
    length = ids.shape[1];
  const place = reshape(slice(positions, 0, 0, length), [1, length, width]);
  return bertNorm(add(embedding(w.tensor("word_embeddings.weight"), ids), place), w.at("LayerNorm"));
}

/** Queries, keys and values of a layer's attention. x (N, L, width), `from` (N, L', width'). */
export function bertProjections(x: Tensor, from: Tensor, w: Weights): [q: Tensor, k: Tensor, v: Tensor] {
  return [linear(x, w.at("query")), linear(from, w.at("key")), linear(from, w.at("value"))];
}

/** What attention or the feed-forward gave, through its last layer, onto x. `w` is the place called `output`. */
export function bertOutput(x: Tensor, y: Tensor, w: Weights): Tensor {
  return bertNorm(add(linear(y, w.at("dense")), x), w.at("LayerNorm"));
}

/** Causal attention of x (N, L, width) on itself. `w` is the place called `attention`. */
export function bertCausal(x: Tensor, w: Weights, heads: number): Tensor {
  const [q, k, v] = bertProjections(x, x, w.at("self"));
  return bertOutput(x, attention(q, k, v, { heads, causal: true }), w.at("output"));
}

/** The feed-forward of erf GELU. `w` is the layer. */
export function bertFeedForward(x: Tensor, w: Weights): Tensor {
  return bertOutput(x, gelu(linear(x, w.at("intermediate.dense"))), w.at("output"));
}

/** The state of one token of each row: x (N, L, width), `last` (N) i32 counts through all rows -> (N, width). */
export function tokenStates(x: Tensor, last: Tensor): Tensor {
  const [n, length, width] = x.shape;
  return embedding(reshape(x, [n * length, width]), last);
}
