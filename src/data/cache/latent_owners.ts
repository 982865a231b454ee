/** Whose latents a cache file holds: a picture of several datasets, or of several folders, has one file. */

import { UserError } from "../../base/errors.ts";
import { realPlace } from "../../base/files/links.ts";
import { counted } from "../../base/phrases.ts";
import type { ImageEntry } from "../dataset/entries.ts";
import { latentFileOf } from "./latent_file.ts";

export interface LatentOwners {
  /** What the files of earlier datasets of the run hold, by realPlace(); those of this one are added. */
  readonly owned?: Map<string, string>;
  /** Latents for which there is no file, because an earlier dataset has it, are not made. */
  readonly onlyFiles?: boolean;
  /** Takes one line. */
  readonly note: (line: string) => void;
}

/**
 * Entries whose file holds another size, mask or filter of the same picture for an earlier dataset, or for an earlier folder
 * of this one that is the same, where mirrored pictures differ too; theirs have none.
 */
export function ownedByOthers(
  entries: readonly ImageEntry[],
  { owned = new Map(), onlyFiles, note }: LatentOwners,
): Set<ImageEntry> {
  const out = new Set<ImageEntry>(), flips = new Map<string, boolean>();
  for (const entry of entries) {
    const file = realPlace(latentFileOf(entry.path)),
      { flip_aug: flipped, resize_interpolation } = entry.subset;
    const content = [...entry.bucket, wantsAlpha(entry), resize_interpolation ?? ""].join();
    const other = owned.get(file) ?? content, otherFlipped = flips.get(file) ?? flipped;
    if (other !== content || otherFlipped !== flipped) out.add(entry);
    else {
      owned.set(file, content);
      flips.set(file, flipped);
    }
  }
  const [first] = out;
  if (first) {
    const file = latentFileOf(first.path), whose = flips.has(realPlace(file)) ? "folder" : "dataset";
    const others = `those of ${counted(out.size, "picture")} for this one`;
    const fate = onlyFiles ? "are left to the training" : "stay in memory";
    note(`${file}: holds latents for an earlier ${whose}; ${others} ${fate}`);
  }
  return out;
}

/** Throws UserError for two pictures of one file; one to which several folders of the dataset lead is one. */
export function refuseSharedFiles(entries: readonly ImageEntry[]): void {
  const owners = new Map<string, string>();
  for (const { path } of entries) {
    const file = latentFileOf(path), place = realPlace(file), owner = owners.get(place);
    if (owner && realPlace(owner) !== realPlace(path)) {
      throw new UserError(`${owner} and ${path} would share the cache file ${file}; rename one of them`);
    }
    owners.set(place, path);
  }
}

/** Whether the file has a mask too. */
export function wantsAlpha({ subset }: ImageEntry): boolean {
  return "alpha_mask" in subset && subset.alpha_mask;
}
