/** A captioning model's file: its tensors by their names, and the small files that may lie beside it. */

import { UserError } from "../../base/errors.ts";
import { isFolder } from "../../base/files/exists.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import { configBeside, type ModelJson } from "../beside.ts";
import { openPart } from "../layouts/folder_files.ts";
import type { Place } from "../open.ts";

export interface CaptionFile {
  readonly path: string;
  /** Tensors under the names that the model's graph uses. */
  readonly places: ReadonlyMap<string, Place>;
  readonly shapes: Map<string, readonly number[]>;
  /** config.json beside the file; empty where there is none. */
  readonly config: ModelJson;
  close(): void;
}

/**
 * Opens a file, or a folder as transformers saves one (also in several files with an index), and gives its tensors the names that `rename` says. Throws UserError where `mark`,
 * which every model of the kind has, is missing.
 */
export function openCaptionFile(
  given: string,
  { rename, mark, kind }: { rename: (key: string) => string; mark: string; kind: string },
): CaptionFile {
  const file = isFolder(given) ? openPart(given, null) : openCheckpoint(given), { path } = file;
  try {
    const places = new Map(
      file.keys().map((key) => [rename(key), { file, key, shape: file.info(key).shape }]),
    );
    if (!places.has(mark)) throw new UserError(`${path}: is no ${kind} model (it has no tensor ${mark})`);
    const shapes = new Map([...places].map(([key, { shape }]) => [key, shape]));
    return { path, places, shapes, config: configBeside(path), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Heads of an attention `width` wide: as the configuration says, else 64 wide as in all published models. */
export function configuredHeads(config: ModelJson, width: number): number {
  const heads = config.num_attention_heads;
  const known = typeof heads === "number" && heads > 0 && width % heads === 0;
  return known ? heads : Math.max(1, Math.floor(width / 64));
}
