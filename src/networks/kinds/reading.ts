/** A file's shapes held against those that a kind has on a layer. */

import type { Shape } from "../../graph/mod.ts";
import type { Found, Reading } from "./kind.ts";

/** All of `wanted` must be there; linear layers and 1x1 convolutions hold the same numbers. */
export function readAs(wanted: Readonly<Record<string, Shape>>, found: Found, rank: number): Reading {
  const entries = Object.entries(wanted);
  for (const [suffix] of entries) if (!found[suffix]) return { missing: suffix };
  for (const [suffix, shape] of entries) {
    if (rank < 1 || !sameButOnes(found[suffix], shape)) return { misfit: suffix, wanted: shape };
  }
  return { rank, tensors: wanted };
}

function sameButOnes(a: Shape, b: Shape): boolean {
  const bare = (shape: Shape) => shape.length === 4 && shape[2] * shape[3] === 1 ? shape.slice(0, 2) : shape;
  return bare(a).join() === bare(b).join();
}
