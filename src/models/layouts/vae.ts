/** An autoencoder's tensors under their original keys, whatever layout the file has. */

import type { TensorFile } from "../../formats/tensor_file.ts";
import { VAE } from "../families/family.ts";
import { rename, vaeFromDiffusers } from "../keys/mod.ts";
import { asItIs, type Source, type Sources } from "./tensor_view.ts";

const PART = /^first_stage_model\.((en|de)coder|(post_)?quant_conv)\./;

/**
 * From a file with original names (with or without prefix) or diffusers', old and new; what else is in it is left out.
 * Attention is made of convolutions of 1x1 here, as in the original, also where the file has it linear.
 */
export function vaeSources(file: TensorFile): Sources {
  const keys = file.keys();
  const diffusers = vaeFromDiffusers(keys);
  const sources: Sources = new Map();
  for (const key of keys) {
    const original = diffusers ? rename(key, diffusers) : key;
    const name = original.startsWith(`${VAE}.`) ? original : `${VAE}.${original}`;
    if (PART.test(name)) sources.set(name, withConvolutions(name, asItIs(file, key)));
  }
  return sources;
}

/** Whether a checkpoint's key is one of the autoencoder itself, and not of its loss or an average of it. */
export const isVaeKey = (key: string) => PART.test(key);

/** The attention's linear weights as convolutions of 1x1. */
export function withConvolutions(name: string, source: Source): Source {
  if (source.shape.length !== 2 || !/\.attn_1\.\w+\.weight$/.test(name)) return source;
  return { ...source, shape: [...source.shape, 1, 1] };
}
