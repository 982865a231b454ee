/** What only textual inversion has. */

import {
  choice,
  flag,
  group,
  int,
  newer,
  noEffect,
  pathTo,
  required,
  same,
  str,
  working,
} from "../../../options/mod.ts";
import { savingOptions } from "../../loop/saving_options.ts";

export const textualInversionOptions = group("Textual inversion", {
  token_string: required(
    same(str(null, "new word that the vectors stand for, as it is written in captions")),
  ),
  init_word: str(null, "words whose vectors the new ones begin at; unset begins at random"),
  num_vectors_per_token: same(int(1, "vectors of the word", { min: 1, max: 75 })),
  weights: pathTo("model", str(null, "embedding file to go on from")),
  use_object_template: flag("captions are sentences about a thing, those of the pictures are not read"),
  use_style_template: flag("captions are sentences about a style, those of the pictures are not read"),
});

export const sdxlInversionOptions = group("SDXL", {
  disable_mmap_load_safetensors: newer(noEffect(
    "files are read piece by piece anyway",
    flag("read the file whole instead of memory-mapping"),
  )),
});

/** sd-scripts writes embeddings as .pt unless it is told otherwise. */
export const embeddingSavingOptions = group("Saving", {
  ...savingOptions.rows,
  save_model_as: working(
    ["ckpt", "pt", "safetensors"],
    choice(["ckpt", "pt", "safetensors"], "pt", "output container"),
  ),
});
