/** Files of textual inversion: vectors of new tokens, a tensor for each text encoder. */

import { UserError } from "../../base/errors.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import type { Family } from "../families/mod.ts";
import type { Shapes } from "../weights.ts";
import { tokenTables } from "./table.ts";

/** Names of the tensors, one for each text encoder: emb_params, or clip_l and clip_g. */
export function embeddingNames({ textEncoders }: Family): string[] {
  return textEncoders.length === 1 ? ["emb_params"] : textEncoders.map(({ flags }) => flags[0]);
}

/** Vectors of one text encoder. */
export interface TokenVectors {
  readonly count: number;
  readonly width: number;
  /** (count, width) */
  readonly values: Float32Array;
}

/**
 * Reads a file of sd-scripts (.pt, .ckpt, .bin, .safetensors) or of the web UI (string_to_param): for each text encoder
 * its vectors, null where the file has none for it. Of a family with one encoder the first tensor counts, whatever its
 * name. Throws UserError for a file that holds none, or vectors of another model's width.
 */
export function readTokenVectors(path: string, family: Family, shapes: Shapes): (TokenVectors | null)[] {
  using file = openCheckpoint(path);
  const names = embeddingNames(family), keys = file.keys();
  // the web UI has further tensors beside the one that counts
  const only = keys.find((key) => key.startsWith("string_to_param.")) ?? keys[0];
  const found = tokenTables(family, shapes).map(({ width }, i): TokenVectors | null => {
    const key = names.length === 1 ? only : keys.find((key) => key === names[i]);
    if (key === undefined) return null;
    const { shape } = file.info(key);
    if (shape.length > 2 || shape.at(-1) !== width) {
      throw new UserError(
        `${path}: ${key} is [${
          shape.join(", ")
        }], this ${family.label} model takes vectors of ${width} numbers; ` +
          `use an embedding that was made for ${family.label}`,
      );
    }
    return { count: shape.length === 2 ? shape[0] : 1, width, values: file.f32(key) };
  });
  if (found.some((each) => each !== null)) return found;
  throw new UserError(
    `${path}: holds no vectors for ${family.label} (${names.join(", ")}); give an embedding`,
  );
}
