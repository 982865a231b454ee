/** GIT models in files, in transformers' layout. */

import { UserError } from "../../base/errors.ts";
import { asConfig, shorterSide } from "../beside.ts";
import { type CaptionFile, configuredHeads, openCaptionFile } from "../bert/mod.ts";

export interface GitFile extends CaptionFile {
  readonly heads: { readonly vision: number; readonly text: number };
  /** Pixels of a picture's side. */
  readonly side: number;
  /** Tokens that a text may have. */
  readonly positions: number;
  readonly vocabulary: number;
  readonly layers: number;
  /** Pixels that a picture's shorter side is brought to before the middle is cut out. */
  readonly shorter: number;
}

/** Throws UserError for a file that is something else. */
export function openGit(path: string): GitFile {
  const file = openCaptionFile(path, {
    rename: (key) => key,
    mark: "git.embeddings.word_embeddings.weight",
    kind: "GIT captioning",
  });
  try {
    const shape = (key: string) => {
      const found = file.shapes.get(key);
      if (found) return found;
      throw new UserError(`${file.path}: ${key} is missing`);
    };
    const vision = "git.image_encoder.vision_model.embeddings";
    const [width, , patch] = shape(`${vision}.patch_embedding.weight`);
    const [tokens] = shape(`${vision}.position_embedding.weight`);
    const side = Math.round(Math.sqrt(tokens - 1)) * patch;
    const words = shape("git.embeddings.word_embeddings.weight");
    return {
      ...file,
      side,
      shorter: shorterSide(file.path) ?? side,
      positions: shape("git.embeddings.position_embeddings.weight")[0],
      vocabulary: words[0],
      layers: [...file.shapes.keys()].filter((key) =>
        /^git\.encoder\.layer\.\d+\.output\.dense\.weight$/.test(key)
      ).length,
      heads: {
        vision: configuredHeads(asConfig(file.config.vision_config), width),
        text: configuredHeads(file.config, words[1]),
      },
    };
  } catch (error) {
    file.close();
    throw error;
  }
}
