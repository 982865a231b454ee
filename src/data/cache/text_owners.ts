/** Whose caption a cache file holds: a picture of several datasets has one file, and perhaps several captions. */

import { realPlace } from "../../base/files/links.ts";
import { counted } from "../../base/phrases.ts";
import type { ImageEntry } from "../dataset/entries.ts";
import { textFileOf } from "./text_file.ts";

/** A picture and what a dataset has written for it. */
export type Captioned = Pick<ImageEntry, "path" | "caption">;

/** Whose each file is, by realPlace(). */
export type TextOwners = ReadonlyMap<string, Captioned>;

/** The first dataset's, as with latents. */
export function textOwners(entries: readonly Captioned[]): TextOwners {
  const owners = new Map<string, Captioned>();
  for (const { path, caption } of entries) {
    const file = realPlace(textFileOf(path));
    if (!owners.has(file)) owners.set(file, { path, caption });
  }
  return owners;
}

/** Whose the file of a picture is. */
export function ownerOf(path: string, owners: TextOwners): Captioned | undefined {
  return owners.get(realPlace(textFileOf(path)));
}

/** One line of captions for which there is no file, null where each has its own; `fate` says what becomes of those. */
export function withoutTextFile(
  entries: readonly Captioned[],
  owners: TextOwners,
  fate: string,
): string | null {
  const others = new Map<string, Captioned>();
  for (const entry of entries) {
    if (ownerOf(entry.path, owners)?.caption !== entry.caption) others.set(textKey(entry), entry);
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
