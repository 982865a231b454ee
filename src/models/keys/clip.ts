/** The text encoders' keys: original and transformers'. CLIP-L has transformers' names in the original file too. */

import type { Shapes } from "../weights.ts";
import { type KeyRow, rename, reversed } from "./table.ts";

const LAYER = [
  ["ln_1", "layer_norm1"],
  ["ln_2", "layer_norm2"],
  ["mlp.c_fc", "mlp.fc1"],
  ["mlp.c_proj", "mlp.fc2"],
  ["attn.out_proj", "self_attn.out_proj"],
];

const TOP: [string, string][] = [
  ["token_embedding", "text_model.embeddings.token_embedding"],
  ["positional_embedding", "text_model.embeddings.position_embedding.weight"],
  ["ln_final", "text_model.final_layer_norm"],
  ["text_projection", "text_projection.weight"],
];

const THIRDS = ["q_proj", "k_proj", "v_proj"] as const;

/**
 * The table of an open_clip encoder, from the shapes of its original keys (below `...model.`). `layers` is how many
 * resblocks are read; the fused projection of each becomes three. logit_scale has no place in an encoder.
 */
export function openClipKeys(shapes: Shapes, layers: number): KeyRow[] {
  const places = new Map(TOP);
  for (let i = 0; i < layers; i++) {
    for (const [a, b] of LAYER) {
      places.set(`transformer.resblocks.${i}.${a}`, `text_model.encoder.layers.${i}.${b}`);
    }
  }
  return [...shapes].flatMap(([original, shape]): KeyRow[] => {
    const fused = /^transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$/.exec(original);
    if (fused) {
      if (Number(fused[1]) >= layers) return [];
      return THIRDS.map((name, third) => ({
        original,
        other: `text_model.encoder.layers.${fused[1]}.self_attn.${name}.${fused[2]}`,
        originalShape: shape,
        otherShape: [shape[0] / 3, ...shape.slice(1)],
        third: third as 0 | 1 | 2,
      }));
    }
    const other = rename(original, places);
    return other === original ? [] : [{ original, other, originalShape: shape, otherShape: shape }];
  });
}

/** How many tensors of transformers lie in one of a checkpoint, one behind the other along the first axis. */
export function tensorsIn(key: string): number {
  return /\.attn\.in_proj_(weight|bias)$/.test(key) ? THIRDS.length : 1;
}

const BACK = reversed([...TOP, ...LAYER] as [string, string][]);

/** The original key of one of transformers (below nothing), and which third of it that is; undefined for what is none. */
export function openClipFromTransformers(
  key: string,
): { original: string; third?: 0 | 1 | 2 } | undefined {
  const [, layer, inner] = /^text_model\.encoder\.layers\.(\d+)\.(.*)$/.exec(key) ?? [];
  if (layer === undefined) {
    const original = rename(key, BACK);
    return original === key ? undefined : { original };
  }
  const block = `transformer.resblocks.${layer}`;
  const [, name, what] = /^self_attn\.([qkv]_proj)\.(weight|bias)$/.exec(inner) ?? [];
  if (name) {
    return {
      original: `${block}.attn.in_proj_${what}`,
      third: THIRDS.findIndex((t) => t === name) as 0 | 1 | 2,
    };
  }
  const original = rename(inner, BACK);
  return original === inner ? undefined : { original: `${block}.${original}` };
}

/**
 * Today's name of a CLIP-L key (below `...transformer.`): old checkpoints lack the level `text_model`. undefined for
 * `position_ids`, which newer versions no longer store.
 */
export function clipLKey(key: string): string | undefined {
  if (key.endsWith("position_ids")) return undefined;
  return /^(embeddings|encoder|final_layer_norm)\./.test(key) ? `text_model.${key}` : key;
}
