/** BLIP captioning models in files: Salesforce's own layout, and transformers'. */

import { asConfig } from "../beside.ts";
import { type CaptionFile, configuredHeads, openCaptionFile } from "../bert/mod.ts";
import { bicubicWeights, interpolatedValues } from "../interpolate.ts";
import { UserError } from "../../base/errors.ts";

/** Pixels of a side, whatever the model was trained with. */
export const BLIP_SIDE = 384;

/** From transformers' names to Salesforce's, the first that fits. */
const RENAMED: readonly (readonly [from: RegExp, to: string])[] = [
  [/^model\./, ""],
  [/^vision_model\.embeddings\.class_embedding$/, "visual_encoder.cls_token"],
  [/^vision_model\.embeddings\.position_embedding$/, "visual_encoder.pos_embed"],
  [/^vision_model\.embeddings\.patch_embedding\./, "visual_encoder.patch_embed.proj."],
  [/^vision_model\.post_layernorm\./, "visual_encoder.norm."],
  [/^vision_model\.encoder\.layers\.(\d+)\.self_attn\.projection\./, "visual_encoder.blocks.$1.attn.proj."],
  [/^vision_model\.encoder\.layers\.(\d+)\.self_attn\./, "visual_encoder.blocks.$1.attn."],
  [/^vision_model\.encoder\.layers\.(\d+)\.layer_norm([12])\./, "visual_encoder.blocks.$1.norm$2."],
  [/^vision_model\.encoder\.layers\.(\d+)\.mlp\./, "visual_encoder.blocks.$1.mlp."],
];

const POSITIONS = "visual_encoder.pos_embed";

export interface BlipFile extends CaptionFile {
  readonly heads: { readonly vision: number; readonly text: number };
  /** Tokens that a text may have. */
  readonly positions: number;
  readonly vocabulary: number;
  /** Embeddings of the patches' places where those of the file are for another size. */
  readonly placed: Float32Array | null;
}

/** Throws UserError for a file that is something else. */
export function openBlip(path: string): BlipFile {
  const file = openCaptionFile(path, { rename: blipKey, mark: POSITIONS, kind: "BLIP captioning" });
  try {
    const shape = (key: string) => {
      const found = file.shapes.get(key);
      if (found) return found;
      throw new UserError(`${file.path}: ${key} is missing; give a BLIP model that writes captions`);
    };
    const words = shape("text_decoder.bert.embeddings.word_embeddings.weight");
    const [positions] = shape("text_decoder.bert.embeddings.position_embeddings.weight");
    const [, tokens, width] = shape(POSITIONS);
    const patches = Math.floor(BLIP_SIDE / shape("visual_encoder.patch_embed.proj.weight")[2]);
    const placed = tokens === patches ** 2 + 1 ? null : placesFor(file, patches);
    if (placed !== null) file.shapes.set(POSITIONS, [1, patches ** 2 + 1, width]);
    const heads = {
      vision: configuredHeads(asConfig(file.config.vision_config), width),
      text: configuredHeads(asConfig(file.config.text_config), words[1]),
    };
    return { ...file, heads, positions, vocabulary: words[0], placed };
  } catch (error) {
    file.close();
    throw error;
  }
}

export function blipKey(key: string): string {
  const found = RENAMED.find(([from]) => from.test(key));
  return found ? key.replace(found[0], found[1]) : key;
}

/** The square of places made anew bicubically; the first token has none. */
function placesFor({ path, places, shapes }: CaptionFile, side: number): Float32Array {
  const [, tokens, width] = shapes.get(POSITIONS)!, from = Math.sqrt(tokens - 1);
  if (!Number.isInteger(from) || from < 1) {
    throw new UserError(`${path}: ${POSITIONS} has ${tokens - 1} places, which make no square`);
  }
  const { file, key } = places.get(POSITIONS)!, values = file.f32(key), weights = bicubicWeights(from, side);
  const grid = interpolatedValues(values.subarray(width), [1, from, from, width], weights, weights);
  const placed = new Float32Array(width + grid.length);
  placed.set(values.subarray(0, width));
  placed.set(grid, width);
  return placed;
}
