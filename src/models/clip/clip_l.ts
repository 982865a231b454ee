/** CLIP's text encoder in the transformers layout: OpenAI's, SD1's and SDXL's first; laion's have another GELU. */

import { add, attention, checkpoint, gelu, quickGelu, type Tensor } from "../../graph/mod.ts";
import { layerNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { embed, headsOf, TextStates } from "./text.ts";

export interface ClipLOptions {
  /** Default quick_gelu, OpenAI's. */
  readonly activation?: "quick_gelu" | "gelu";
  /** From the pooled state to what CLIP compares with pictures. */
  readonly projection?: (x: Tensor) => Tensor;
}

/** ids (N, L) i32, L at most 77. `w` is the scope that ends in `transformer.text_model`. */
export function clipL(ids: Tensor, w: Weights, options: ClipLOptions = {}): TextStates {
  const embeddings = w.at("embeddings");
  const embedded = embed(
    ids,
    embeddings.tensor("token_embedding.weight"),
    embeddings.tensor("position_embedding.weight"),
  );
  const heads = headsOf(embedded.shape[2]), bend = options.activation === "gelu" ? gelu : quickGelu;
  const blocks = w.list("encoder.layers").map((block) => (x: Tensor) =>
    checkpoint(w.graph, () => layer(x, block, heads, bend))
  );
  return new TextStates(embedded, blocks, w.at("final_layer_norm"), options.projection);
}

/** Causal self-attention and a feed-forward, each after a norm and with a residual. */
function layer(x: Tensor, w: Weights, heads: number, bend: (x: Tensor) => Tensor): Tensor {
  const normed = layerNorm(x, w.at("layer_norm1")), self = w.at("self_attn");
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(normed, self.at(name)));
  const h = add(x, linear(attention(q, k, v, { heads, causal: true }), self.at("out_proj")));
  const inner = bend(linear(layerNorm(h, w.at("layer_norm2")), w.at("mlp.fc1")));
  return add(h, linear(inner, w.at("mlp.fc2")));
}
