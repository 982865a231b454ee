/** OpenAI's CLIP text encoder in the transformers layout: SD1's, and SDXL's first. */

import { add, attention, checkpoint, quickGelu, type Tensor } from "../../graph/mod.ts";
import { layerNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { embed, headsOf, TextStates } from "./text.ts";

/** ids (N, L) i32, L at most 77. `w` is the scope that ends in `transformer.text_model`. */
export function clipL(ids: Tensor, w: Weights): TextStates {
  const embeddings = w.at("embeddings");
  const embedded = embed(
    ids,
    embeddings.tensor("token_embedding.weight"),
    embeddings.tensor("position_embedding.weight"),
  );
  const heads = headsOf(embedded.shape[2]);
  const blocks = w.list("encoder.layers").map((block) => (x: Tensor) =>
    checkpoint(w.graph, () => layer(x, block, heads))
  );
  return new TextStates(embedded, blocks, w.at("final_layer_norm"));
}

/** Causal self-attention and a feed-forward of quick GELU, each after a norm and with a residual. */
function layer(x: Tensor, w: Weights, heads: number): Tensor {
  const normed = layerNorm(x, w.at("layer_norm1")), self = w.at("self_attn");
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(normed, self.at(name)));
  const h = add(x, linear(attention(q, k, v, { heads, causal: true }), self.at("out_proj")));
  const inner = quickGelu(linear(layerNorm(h, w.at("layer_norm2")), w.at("mlp.fc1")));
  return add(h, linear(inner, w.at("mlp.fc2")));
}
