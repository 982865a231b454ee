/** Where a text encoder keeps the vectors of its tokens, and how further ones join them. */

import type { Family, TextEncoderPart } from "../families/mod.ts";
import type { Shapes } from "../weights.ts";

/** The key of a text encoder's token vectors (V, width). */
export function tokenTable({ scope, layout }: TextEncoderPart): string {
  return layout === "clip_l"
    ? `${scope}.embeddings.token_embedding.weight`
    : `${scope}.token_embedding.weight`;
}

/** What the token tables of a model look like. */
export interface TokenTable {
  readonly key: string;
  /** Rows: ids from here on are free. */
  readonly vocabulary: number;
  readonly width: number;
}

export function tokenTables(family: Family, shapes: Shapes): TokenTable[] {
  return family.textEncoders.map((part) => {
    const key = tokenTable(part), [vocabulary, width] = shapes.get(key)!;
    return { key, vocabulary, width };
  });
}
