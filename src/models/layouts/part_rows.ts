/** A model's parts under the names that diffusers and transformers have for them. */

import { clipConfig } from "../clip/mod.ts";
import { type Family, UNET, VAE } from "../families/family.ts";
import { below, type KeyRow, openClipKeys, unetKeys, vaeKeys } from "../keys/mod.ts";
import type { Shapes } from "../weights.ts";
import { TEXT_FOLDERS } from "./folder.ts";

/** A folder of a Diffusers model and what is in it: `original` of each row is a whole checkpoint's key. */
export interface PartRows {
  readonly folder: "unet" | "vae" | typeof TEXT_FOLDERS[number];
  readonly rows: readonly KeyRow[];
}

export interface PartOptions {
  /** Layers of an open_clip encoder that are taken; by default those that the family uses. */
  readonly layers?: number;
  /** False keeps SD2's projections as convolutions of 1x1, as sd-scripts does while it trains. */
  readonly linearProjection?: boolean;
}

/** Text encoders first, as diffusers lists them. */
export function partRows(family: Family, shapes: Shapes, options: PartOptions = {}): PartRows[] {
  const text = family.textEncoders.map(({ scope, layout, usedLayers }, i): PartRows => {
    const own = below(shapes, `${scope}.`), { layers } = clipConfig(own)!;
    const rows = layout === "clip_l"
      ? clipLRows(own)
      : openClipKeys(own, options.layers ?? usedLayers(layers));
    return {
      folder: TEXT_FOLDERS[i],
      rows: within(scope, rows.filter(({ other }) => isUsed(family, other))),
    };
  });
  const { linearProjection = true } = options;
  return [
    ...text,
    { folder: "unet", rows: within(UNET, unetKeys(below(shapes, `${UNET}.`), { linearProjection })) },
    { folder: "vae", rows: within(VAE, vaeKeys(below(shapes, `${VAE}.`))) },
  ];
}

/** Only pooled text goes through a projection. */
function isUsed(family: Family, other: string): boolean {
  return family.text.pooled || !other.startsWith("text_projection");
}

/** CLIP-L has transformers' names in the original file. */
function clipLRows(shapes: Shapes): KeyRow[] {
  return [...shapes].map(([original, shape]) => ({
    original,
    other: `text_model.${original}`,
    originalShape: shape,
    otherShape: shape,
  }));
}

function within(scope: string, rows: readonly KeyRow[]): KeyRow[] {
  return rows.map((row) => ({ ...row, original: `${scope}.${row.original}` }));
}
