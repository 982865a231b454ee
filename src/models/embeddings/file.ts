/** Files of textual inversion: vectors of new tokens, a tensor for each text encoder. */

import { UserError } from "../../base/errors.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import type { Family } from "../families/mod.ts";
import type { Shapes } from "../weights.ts";
import { tokenTables } from "./table.ts";

/** Names of the tensors, one for each text encoder: emb_params, or clip_l and clip_g. */
export function embeddingNames({ textEncoders }: Family): string[] {
  return textEncoders.length === 1 ? ["emb_params"] : textEncoders.map(({ flags }) => flags[0]);
}

/** XTI's names of the blocks of a U-Net. */
const BLOCK = /^(IN|OUT)\d\d$|^MID$/;

/**
 * The name of the tensor for a text encoder, null where there is none. Of a family with one encoder the first matrix
 * counts, whatever its name; the web UI has further tensors beside the one below string_to_param. Throws UserError for
 * files that hold words in another way, whose first matrix would be a part of the word or another encoder's.
 */
export function embeddingKey(file: TensorFile, family: Family, encoder: number): string | null {
  const names = embeddingNames(family), keys = file.keys();
  if (keys.length > 0 && keys.every((key) => BLOCK.test(key))) {
    throw new UserError(
      `${file.path}: holds vectors for each block of a U-Net (XTI), which gen_img takes as --XTI_embeddings; ` +
        "here use an embedding of train_textual_inversion",
    );
  }
  if (names.length > 1) return keys.find((key) => key === names[encoder]) ?? null;
  if (keys.includes("clip_g")) {
    throw new UserError(
      `${file.path}: holds clip_g, so it is for SDXL, this is an ${family.label} model; ` +
        `use an embedding that was made for ${family.label}`,
    );
  }
  return keys.find((key) => key.startsWith("string_to_param.")) ??
    keys.find((key) => file.info(key).shape.length <= 2) ?? null;
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
 * its vectors, null where the file has none for it. Throws UserError for a file that holds none, or vectors of another model's width.
 */
export function readTokenVectors(path: string, family: Family, shapes: Shapes): (TokenVectors | null)[] {
  using file = openCheckpoint(path);
  const found = tokenTables(family, shapes).map(({ width }, i): TokenVectors | null => {
    const key = embeddingKey(file, family, i);
    if (key === null) return null;
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
    `${path}: holds no vectors for ${family.label} (${embeddingNames(family).join(", ")}); give an embedding`,
  );
}
