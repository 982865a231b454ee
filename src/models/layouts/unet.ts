/** A U-Net's tensors under their original keys, whatever layout the file has. */

import type { TensorFile } from "../../formats/tensor_file.ts";
import { UNET } from "../families/family.ts";
import { rename, reversed, unetPlaces } from "../keys/mod.ts";
import { asItIs, type Source, type Sources } from "./tensor_view.ts";

/** The sources of a file that holds a U-Net alone, in diffusers' layout or without a prefix; undefined when it is none. */
export function unetAlone(file: TensorFile): Sources | undefined {
  if (file.has("input_blocks.0.0.weight")) {
    return new Map(file.keys().map((key) => [`${UNET}.${key}`, asItIs(file, key)]));
  }
  return file.has("down_blocks.0.resnets.0.conv1.weight") ? unetFromDiffusers(file) : undefined;
}

/** The same for diffusers' layout. */
export function unetFromDiffusers(file: TensorFile): Sources {
  const keys = new Set(file.keys());
  const count = (name: (i: number) => string) => {
    let n = 0;
    while (keys.has(name(n))) n++;
    return n;
  };
  const levels = count((level) => `down_blocks.${level}.resnets.0.conv1.weight`);
  const resBlocks = count((i) => `down_blocks.0.resnets.${i}.conv1.weight`);
  const depths = Array.from(
    { length: levels },
    (_, level) => count((i) => `down_blocks.${level}.attentions.0.transformer_blocks.${i}.norm1.weight`),
  );
  const places = reversed(unetPlaces({ depths, resBlocks }));
  return new Map(
    file.keys().map((key): [string, Source] => [
      `${UNET}.${rename(key, places)}`,
      asItIs(file, key),
    ]),
  );
}
