/** From whatever people have on their disks to one form: named tensors under original keys. */

import { join } from "node:path";
import { modelPath } from "../../base/assets.ts";
import { isFolder } from "../../base/files/exists.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import { isDiffusersFolder } from "../../options/model_path.ts";
import { openDiffusersFolder } from "./folder.ts";
import { isPart, openPart } from "./folder_files.ts";
import { withOriginalKeys } from "./wild_keys.ts";

export { asItIs, type Source, type Sources, TensorView } from "./tensor_view.ts";
export { widen } from "./more_channels.ts";
export { type PartOptions, type PartRows, partRows } from "./part_rows.ts";
export { textEncoderSources } from "./text_encoder.ts";
export { TEXT_FOLDERS } from "./folder.ts";
export { isVaeKey, vaeSources, withConvolutions } from "./vae.ts";

/** Opens a model in any layout, under original keys. Throws UserError that says what it is when it is none. */
export function openAnyLayout(given: string, variant: string | null = null): TensorFile {
  const path = modelPath(given);
  return isDiffusersFolder(path)
    ? openDiffusersFolder(path, variant)
    : withOriginalKeys(openCheckpoint(path));
}

/** Opens a file that gives one part (an autoencoder, a text encoder), or a folder: the part's own or one above it. */
export function openOnePart(given: string, folder: string): TensorFile {
  const path = modelPath(given), inside = join(path, folder);
  if (!isFolder(path)) return openCheckpoint(path);
  return openPart(isPart(path) ? path : inside, null);
}
