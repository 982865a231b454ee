/** open_clip's text encoder: SD2's (ViT-H) and SDXL's second (ViT-bigG). */

import {
  add,
  attention,
  checkpoint,
  gelu,
  linear as matmul,
  permute,
  slice,
  type Tensor,
} from "../../graph/mod.ts";
import { layerNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { embed, headsOf, TextStates } from "./text.ts";

export interface OpenClipOptions {
  /** Layers of the checkpoint that are left away at the end: 1 in SD2, whose model never used its last one. */
  drop?: number;
  /**
   * sd-scripts and transformers' loader copy `text_projection` P unchanged and compute x P^T; open_clip means x P.
   * Everything trained with sd-scripts expects the former, so it is the default.
   */
  projection?: "sd-scripts" | "open_clip";
}

/** ids (N, L) i32, L at most 77. `w` is the scope that ends in `.model`. */
export function openClip(ids: Tensor, w: Weights, options: OpenClipOptions = {}): TextStates {
  const embedded = embed(ids, w.tensor("token_embedding.weight"), w.tensor("positional_embedding"));
  const heads = headsOf(embedded.shape[2]);
  const all = w.list("transformer.resblocks");
  const blocks = all.slice(0, all.length - (options.drop ?? 0)).map((block) => (x: Tensor) =>
    checkpoint(w.graph, () => resblock(x, block, heads))
  );
  return new TextStates(
    embedded,
    blocks,
    w.at("ln_final"),
    w.has("text_projection") ? (x) => project(x, w, options.projection === "open_clip") : undefined,
  );
}

function project(x: Tensor, w: Weights, openClip: boolean): Tensor {
  const matrix = w.tensor("text_projection");
  const y = matmul(x, openClip ? permute(matrix, [1, 0]) : matrix);
  return w.adapt(x, y, { kind: "linear", shape: matrix.shape }, `${w.path}.text_projection`);
}

/** Causal self-attention and a feed-forward of erf GELU, each after a norm and with a residual. */
function resblock(x: Tensor, w: Weights, heads: number): Tensor {
  const [q, k, v] = projections(layerNorm(x, w.at("ln_1")), w.at("attn"));
  const h = add(x, linear(attention(q, k, v, { heads, causal: true }), w.at("attn.out_proj")));
  const inner = gelu(linear(layerNorm(h, w.at("ln_2")), w.at("mlp.c_fc")));
  return add(h, linear(inner, w.at("mlp.c_proj")));
}

/** One matmul for queries, keys and values; adapters still see three layers of [width, width]. */
function projections(x: Tensor, w: Weights): Tensor[] {
  const width = x.shape[2];
  const fused = matmul(x, w.tensor("in_proj_weight"), w.tensor("in_proj_bias"));
  return ["q_proj", "k_proj", "v_proj"].map((name, part) =>
    w.adapt(
      x,
      slice(fused, 2, part * width, width),
      { kind: "linear", shape: [width, width] },
      `${w.path}.${name}`,
    )
  );
}
