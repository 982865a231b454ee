/** Captions before a job that writes them: the step that takes the whole job back. */

import { captionBytes, sameBytes } from "./caption_file.ts";
import type { StepHead } from "../shown.ts";
import type { CaptionChange, UndoSteps } from "./undo_steps.ts";

/** Keeps the captions at `paths` as they are; the step stays open until the job is over. */
export function beforeJob(steps: UndoSteps, command: string, paths: readonly string[]): StepHead {
  return steps.push({ kind: "job", command }, paths.map((path) => ({ path, before: captionBytes(path) })));
}

export function jobStarted(steps: UndoSteps, head: StepHead, job: string): void {
  steps.settle(head, steps.step(head.id).changes, job);
}

/**
 * Closes the open steps whose jobs are over: what they wrote is what stands there now, or what the next step found there.
 * A job that changed nothing leaves no step.
 */
export function closeJobSteps(steps: UndoSteps, isOver: (job: string | null) => boolean): void {
  for (const head of steps.done.filter(({ open }) => open)) {
    if (!isOver(head.job)) continue;
    const later = steps.done.filter(({ id }) => id > head.id).map(({ id }) => steps.step(id).changes).flat();
    const found = new Map(later.toReversed().map(({ path, before }) => [path, before]));
    const changes: CaptionChange[] = steps.step(head.id).changes.map(({ path, before }) => ({
      path,
      before,
      after: found.has(path) ? found.get(path)! : captionBytes(path),
    })).filter(({ before, after }) => !sameBytes(before, after));
    if (changes.length === 0) steps.drop(head.id);
    else steps.settle(head, changes);
  }
}
