/** The size that a model draws at where none is asked for. */

import { modelPath } from "../../base/assets.ts";
import { ownSize, type PictureSize } from "../../generation/pipeline/own_size.ts";
import { FAMILIES } from "../../models/mod.ts";
import { inspectFile } from "../../tools/inspect.ts";

/** 512x512 for what cannot be told from the file's header, or is no file: drawing says what is wrong with it. */
export function modelSize(model: string): PictureSize {
  try {
    const { family: label, metadata } = inspectFile(modelPath(model));
    const family = FAMILIES.find((family) => family.label === label);
    if (family) return ownSize({ family, metadata, velocity: false });
  } catch {
    // told when it is drawn with
  }
  return { width: 512, height: 512 };
}
