/** The keys and shapes of CLIP's text encoders, from their numbers, and the numbers from the shapes. */

import type { Shapes } from "../weights.ts";

/** The numbers that make a text encoder; heads are 64 wide. */
export interface ClipConfig {
  layout: "clip_l" | "open_clip";
  width: number;
  /** Layers in the file: SD2 uses one fewer. */
  layers: number;
  /** Width of the feed-forward's inside. */
  inner: number;
  vocabulary: number;
  positions: number;
  /** open_clip only: width of the pooled output, 0 without text_projection. */
  projection: number;
}

/** Every key below `...transformer.text_model.` with its shape. */
export function clipLShapes(config: ClipConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const { width, inner } = config;
  const layer = (name: string, to: number, from: number) => {
    shapes.set(`${name}.weight`, [to, from]);
    shapes.set(`${name}.bias`, [to]);
  };
  shapes.set("embeddings.token_embedding.weight", [config.vocabulary, width]);
  shapes.set("embeddings.position_embedding.weight", [config.positions, width]);
  for (let i = 0; i < config.layers; i++) {
    const name = `encoder.layers.${i}`;
    for (const part of ["k_proj", "v_proj", "q_proj", "out_proj"]) {
      layer(`${name}.self_attn.${part}`, width, width);
    }
    norm(shapes, `${name}.layer_norm1`, width);
    layer(`${name}.mlp.fc1`, inner, width);
    layer(`${name}.mlp.fc2`, width, inner);
    norm(shapes, `${name}.layer_norm2`, width);
  }
  norm(shapes, "final_layer_norm", width);
  return shapes;
}

/** Every key below `...model.` with its shape. */
export function openClipShapes(config: ClipConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const { width, inner } = config;
  shapes.set("positional_embedding", [config.positions, width]);
  if (config.projection) shapes.set("text_projection", [width, config.projection]);
  for (let i = 0; i < config.layers; i++) {
    const name = `transformer.resblocks.${i}`;
    norm(shapes, `${name}.ln_1`, width);
    shapes.set(`${name}.attn.in_proj_weight`, [3 * width, width]);
    shapes.set(`${name}.attn.in_proj_bias`, [3 * width]);
    shapes.set(`${name}.attn.out_proj.weight`, [width, width]);
    shapes.set(`${name}.attn.out_proj.bias`, [width]);
    norm(shapes, `${name}.ln_2`, width);
    shapes.set(`${name}.mlp.c_fc.weight`, [inner, width]);
    shapes.set(`${name}.mlp.c_fc.bias`, [inner]);
    shapes.set(`${name}.mlp.c_proj.weight`, [width, inner]);
    shapes.set(`${name}.mlp.c_proj.bias`, [width]);
  }
  shapes.set("token_embedding.weight", [config.vocabulary, width]);
  norm(shapes, "ln_final", width);
  return shapes;
}

function norm(shapes: Map<string, number[]>, name: string, width: number): void {
  shapes.set(`${name}.weight`, [width]);
  shapes.set(`${name}.bias`, [width]);
}

/** Reads the numbers off the shapes, keys without a prefix; undefined if it is neither layout. */
export function clipConfig(shapes: Shapes): ClipConfig | undefined {
  const count = (name: (i: number) => string) => {
    let n = 0;
    while (shapes.has(name(n))) n++;
    return n;
  };
  const hf = shapes.get("embeddings.token_embedding.weight"), open = shapes.get("token_embedding.weight");
  const positions = shapes.get("embeddings.position_embedding.weight") ?? shapes.get("positional_embedding");
  const inner = shapes.get("encoder.layers.0.mlp.fc1.weight") ??
    shapes.get("transformer.resblocks.0.mlp.c_fc.weight");
  const tokens = hf ?? open;
  if (!tokens || !positions || !inner) return undefined;
  return {
    layout: hf ? "clip_l" : "open_clip",
    width: tokens[1],
    layers: count((i) =>
      hf ? `encoder.layers.${i}.mlp.fc1.weight` : `transformer.resblocks.${i}.ln_1.weight`
    ),
    inner: inner[0],
    vocabulary: tokens[0],
    positions: positions[0],
    projection: shapes.get("text_projection")?.[1] ?? 0,
  };
}
