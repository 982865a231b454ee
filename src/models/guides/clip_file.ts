/** CLIP models of pictures (and texts) in files, in transformers' layout. */

import { UserError } from "../../base/errors.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import { asConfig, configBeside, type ModelJson, shorterSide } from "../beside.ts";
import type { VisionTower } from "../clip/vision.ts";
import { openOnePart } from "../layouts/mod.ts";
import type { Place } from "../open.ts";

export interface ClipFile {
  readonly path: string;
  readonly places: ReadonlyMap<string, Place>;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly vision: VisionTower;
  /** The GELU of the tower for texts. */
  readonly textActivation: VisionTower["activation"];
  /** Pixels of a picture's side. */
  readonly side: number;
  /** Pixels that a picture's shorter side is brought to before the middle is cut out. */
  readonly shorter: number;
  /** Numbers of an embedding. */
  readonly projection: number;
  close(): void;
}

const EMBEDDINGS = "vision_model.embeddings", PROJECTION = "visual_projection.weight";

/** Heads of the towers that were published, by their width; others are 64 wide. */
const HEADS: Readonly<Record<number, number>> = { 1280: 16, 1408: 16, 1664: 16 };

/** Width of OpenAI's ViT-L/14, which without a configuration is taken for theirs and not for laion's. */
const OPENAI_WIDTH = 1024;

/** What a CLIP that reads texts too has beside. */
const TEXT = ["text_model.embeddings.token_embedding.weight", "text_projection.weight"];

/**
 * Opens a file, or a folder with one. Throws UserError for what holds no CLIP with a tower for pictures, or none for texts
 * where `texts` wants it.
 */
export function openClipFile(given: string, { texts = false } = {}): ClipFile {
  const file = openOnePart(given, "image_encoder");
  try {
    const shapes = new Map(file.keys().map((key) => [key, file.info(key).shape]));
    const shape = (key: string) => {
      const found = shapes.get(key);
      if (found) return found;
      throw new UserError(
        `${file.path}: is no CLIP model for pictures (it has no tensor ${key}); give one as transformers saves it`,
      );
    };
    const [width, , patch] = shape(`${EMBEDDINGS}.patch_embedding.weight`);
    const [tokens] = shape(`${EMBEDDINGS}.position_embedding.weight`), [projection] = shape(PROJECTION);
    if (texts) TEXT.forEach(shape);
    const config = configBeside(file.path), side = Math.round(Math.sqrt(tokens - 1)) * patch;
    return {
      path: file.path,
      places: placesIn(file),
      shapes,
      vision: towerOf(config, width),
      textActivation: activationOf({ ...config, ...asConfig(config.text_config) }, width),
      side,
      shorter: shorterSide(file.path) ?? side,
      projection,
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function placesIn(file: TensorFile): Map<string, Place> {
  return new Map(file.keys().map((key) => [key, { file, key, shape: file.info(key).shape }]));
}

/** The configuration of a whole CLIP has the tower's below `vision_config`, that of a tower alone is it. */
function towerOf(config: ModelJson, width: number): VisionTower {
  const own = { ...config, ...asConfig(config.vision_config) }, heads = own.num_attention_heads;
  return {
    heads: typeof heads === "number" && heads > 0 && width % heads === 0
      ? heads
      : HEADS[width] ?? Math.max(1, Math.floor(width / 64)),
    activation: activationOf(own, width),
  };
}

function activationOf({ hidden_act: given }: ModelJson, visionWidth: number): VisionTower["activation"] {
  if (given === "quick_gelu" || given === "gelu") return given;
  return visionWidth === OPENAI_WIDTH ? "quick_gelu" : "gelu";
}
