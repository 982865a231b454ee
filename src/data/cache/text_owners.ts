/** Whose caption a cache file holds: a picture of several datasets has one file, and perhaps several captions. */

import { counted } from "../../base/phrases.ts";
import type { ImageEntry } from "../dataset/entries.ts";
import { textFileOf } from "./text_file.ts";

/** A picture and what a dataset has written for it. */
export type Captioned = Pick<ImageEntry, "path" | "caption">;

/** The files of the pictures with what they are for: the first dataset's, as with latents. */
export function textOwners(entries: readonly Captioned[]): Map<string, Captioned> {
  const owners = new Map<string, Captioned>();
  for (const { path, caption } of entries) {
    const file = textFileOf(path);
    if (!owners.has(file)) owners.set(file, { path, caption });
  }
  return owners;
}

/** One line of captions for which there is no file, null where each has its own; `fate` says what becomes of those. */
export function withoutTextFile(
  entries: readonly Captioned[],
  owners: ReadonlyMap<string, Captioned>,
  fate: string,
): string | null {
  const others = new Map<string, Captioned>();
  for (const entry of entries) {
    if (owners.get(textFileOf(entry.path))?.caption !== entry.caption) others.set(textKey(entry), entry);
  }
  const [first] = others.values();
  if (!first) return null;
  const held = `${textFileOf(first.path)}: holds the caption of an earlier dataset`;
  return `${held}; those of ${counted(others.size, "picture")} for later ones ${fate}`;
}

/** A caption of a picture among those of all datasets. */
export function textKey({ path, caption }: Captioned): string {
  return `${path}\0${caption}`;
}
