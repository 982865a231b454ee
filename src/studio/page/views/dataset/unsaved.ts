/** Captions that are not saved yet, of each folder: a look at another view, or loading the page anew, loses none. */

import { keptByTab } from "../../kept.ts";
import type { ConflictTold } from "./told.ts";

export interface Draft {
  readonly text: string;
  /** What it was made from. */
  readonly version: string;
  readonly conflict: ConflictTold | null;
}

type Kept =
  readonly (readonly [folder: string, drafts: readonly (readonly [name: string, draft: Draft])[]])[];

const unsaved = new Map<string, ReadonlyMap<string, Draft>>();
const before = keptByTab<Kept>(
  "captions",
  () => unsaved.size === 0 ? undefined : [...unsaved].map(([folder, drafts]) => [folder, [...drafts]]),
);
for (const [folder, drafts] of before ?? []) unsaved.set(folder, new Map(drafts));

export const unsavedIn = (folder: string): ReadonlyMap<string, Draft> => unsaved.get(folder) ?? new Map();

export function keepUnsaved(folder: string, drafts: ReadonlyMap<string, Draft>): void {
  if (drafts.size > 0) unsaved.set(folder, drafts);
  else unsaved.delete(folder);
}
