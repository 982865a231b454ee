/** Where new vectors begin: at those of known words, or at random. */
import type { TorchGenerator } from "../../../random/mod.ts";
import type { TokenTable } from "../../../models/mod.ts";

/** Which of the initial words' ids the vector of a row takes; `vectors` rows lie together for each block. */
export interface Rows {
  /** Vectors of the token. */
  readonly vectors: number;
  /** Blocks of the U-Net with vectors of their own, or 1. */
  readonly blocks: number;
  /** sd-scripts' XTI counts 16 rows for each word although they lie block by block. */
  readonly compat: boolean;
}

/** Rows of `old`, the table's values: vector j takes word j, from the first again where there are more vectors. */
export function vectorsOfWords(
  old: Float32Array,
  { width }: TokenTable,
  ids: readonly number[],
  { vectors, blocks, compat }: Rows,
): Float32Array {
  const values = new Float32Array(vectors * blocks * width);
  for (let row = 0; row < vectors * blocks; row++) {
    const word = compat && blocks > 1 ? Math.floor(row / blocks) : row % vectors;
    const id = ids[word % ids.length];
    values.set(old.subarray(id * width, (id + 1) * width), row * width);
  }
  return values;
}

/** Normal numbers as large as the table's own: PyTorch's, with a deviation of 1, are longer than any word by far. */
export function randomVectors(
  old: Float32Array,
  { width }: TokenTable,
  { vectors, blocks }: Rows,
  torch: TorchGenerator,
): Float32Array {
  const deviation = Math.sqrt(old.reduce((sum, x) => sum + x * x, 0) / old.length);
  return torch.normal(0, deviation, vectors * blocks * width);
}
