/** The size of picture that a model was made for: drawn where nothing else is asked for. */

import type { Family } from "../../models/mod.ts";

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** What can be known of a model without reading its tensors. */
export interface SizeFacts {
  readonly family: Family;
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether it predicts velocity: of SD2 these are the models for 768. */
  readonly velocity: boolean;
}

/** Sides that a picture can have; what lies outside was written by mistake. */
const LEAST = 64, MOST = 4096;

/** As the file says (modelspec.resolution, in the family's multiples), else as its family. */
export function ownSize({ family, metadata, velocity }: SizeFacts): PictureSize {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(metadata["modelspec.resolution"] ?? "") ?? [];
  const sides = [width, height].map(Number).map((side) => side - side % family.size.multiple);
  if (sides.every((side) => side >= LEAST && side <= MOST)) return { width: sides[0], height: sides[1] };
  const side = family.size.side(velocity);
  return { width: side, height: side };
}

/** As gen_img.py 0.9.1 draws. */
export function referenceSize(family: Family): PictureSize {
  const side = family.size.side(false);
  return { width: side, height: side };
}
