/**
 * How many 32-bit numbers make_captions.py takes from torch's generator between its seed and the first caption: every layer
 * of the model draws first weights, which the file's then replace.
 */

import type { Shapes } from "../weights.ts";

export function blipDraws(shapes: Shapes): number {
  let draws = 0;
  for (const [key, shape] of shapes) {
    const n = size(shape), bias = size(shapes.get(key.replace(/weight$/, "bias")) ?? [0]);
    if (key.startsWith("visual_encoder.")) {
      if (/(cls_token|pos_embed)$/.test(key)) draws += n; // truncated normals, from uniform numbers
      else if (key.endsWith(".patch_embed.proj.weight")) draws += n + bias;
      else if (key.endsWith(".weight") && shape.length === 2) draws += 2 * n + bias;
    } else if (key.startsWith("text_decoder.") && key.endsWith(".weight") && shape.length === 2) {
      if (/word_embeddings\.weight$|position_embeddings\.weight$/.test(key)) draws += 2 * normals(n);
      else if (/predictions\.decoder\.weight$/.test(key)) draws += n + normals(n); // its bias begins as zeros
      else draws += n + bias + normals(n);
    }
  }
  return draws;
}

/** normal_() of 16 and more values draws the last 16 again where they are no whole block. */
const normals = (n: number) => n % 16 === 0 ? n : n + 16;

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
