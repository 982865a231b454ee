/** Changing captions: each change a step that can be taken back, and nothing of anybody else's overwritten. */

import { UserError } from "../../../base/errors.ts";
import { atomicWriteFile } from "../../../base/files/atomic.ts";
import { type CaptionBytes, captionBytes, sameBytes } from "./caption_file.ts";
import { inTurns, type Progress } from "../in_turns.ts";
import type { StepDeed, StepHead } from "../shown.ts";
import type { CaptionChange, UndoSteps } from "./undo_steps.ts";

/** A caption that was changed by somebody else since: what stands there, and what would have been written. */
export interface CaptionConflict {
  readonly path: string;
  readonly theirs: CaptionBytes;
  readonly ours: CaptionBytes;
}

/**
 * Writes `changes`, which all have an `after`, as one step; none where there are none. Throws UserError where the disk
 * refuses: what was written by then is taken back by taking the step back. `progress`: of a long change, captions written.
 */
export async function changeCaptions(
  steps: UndoSteps,
  deed: StepDeed,
  changes: readonly CaptionChange[],
  progress?: Progress,
): Promise<Moved> {
  if (changes.length === 0) return { step: null, changed: [], conflicts: [] };
  const step = steps.push(deed, changes);
  const writes = changes.map(({ path, before, after = null }) => ({ path, from: before, to: after }));
  return { step, ...await writeCaptions(steps, writes, progress) };
}

export interface Moved {
  readonly step: StepHead | null;
  /** Paths whose captions are others now. */
  readonly changed: readonly string[];
  readonly conflicts: readonly CaptionConflict[];
}

/**
 * Takes the last step back, or does the next one again. Where captions were changed by somebody else since, nothing is
 * done and they are told; with `skip` they are left as they are.
 */
export async function moveStep(
  steps: UndoSteps,
  way: "undo" | "redo",
  { skip = false, progress }: { skip?: boolean; progress?: Progress } = {},
): Promise<Moved> {
  const head = way === "undo" ? steps.done.at(-1) : steps.undone[0];
  if (!head) return { step: null, changed: [], conflicts: [] };
  if (head.open) throw new UserError("the job that writes these captions is not over; stop it first");
  const wanted = steps.step(head.id).changes.map(({ path, before, after = null }) =>
    way === "undo" ? { path, from: after, to: before } : { path, from: before, to: after }
  );
  const conflicts: CaptionConflict[] = [],
    left = wanted.filter(({ path, from, to }) => {
      const theirs = captionBytes(path);
      if (sameBytes(theirs, to)) return false;
      if (sameBytes(theirs, from)) return true;
      conflicts.push({ path, theirs, ours: to });
      return false;
    });
  if (conflicts.length > 0 && !skip) return { step: head, changed: [], conflicts };
  const { changed, conflicts: since } = await writeCaptions(steps, left, progress);
  steps.move(way === "undo" ? steps.before(head.id) : head.id);
  return { step: head, changed, conflicts: [...conflicts, ...since] };
}

interface Write {
  readonly path: string;
  readonly from: CaptionBytes;
  readonly to: CaptionBytes;
}

/** Looks once more before each, also at where it lies: a long change leaves time for others. */
async function writeCaptions(
  steps: UndoSteps,
  writes: readonly Write[],
  progress?: Progress,
): Promise<Omit<Moved, "step">> {
  const changed: string[] = [], conflicts: CaptionConflict[] = [];
  await inTurns(writes, ({ path, from, to }) => {
    const real = steps.realOf(path), theirs = captionBytes(real);
    if (!sameBytes(theirs, from)) return void conflicts.push({ path, theirs, ours: to });
    if (to === null) removeOurs(path);
    else atomicWriteFile(real, to);
    changed.push(path);
  }, { progress });
  return { changed, conflicts };
}

/** A caption that a step made, with nothing in it but what that step wrote. */
function removeOurs(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (cause) {
    throw new UserError(`${path}: cannot be removed (${(cause as Error).message})`, { cause });
  }
}
