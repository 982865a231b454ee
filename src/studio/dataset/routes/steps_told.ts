/** Steps that can be taken back and done again, as the page shows them. */

import { readJob } from "../../queue/job.ts";
import { seeJob } from "../../queue/queue.ts";
import { Refused, type Studio } from "../../studio.ts";
import { closeJobSteps } from "../captions/job_step.ts";
import type { UndoSteps } from "../captions/undo_steps.ts";
import type { StepsTold } from "../shown.ts";
import type { OpenFolder } from "../room.ts";

const MOST_TOLD = 50;

/** Of folders whose captions are kept already and whose job is just being queued. */
export const startingJobs = new WeakSet<UndoSteps>();

/** Jobs that are over are closed first. */
export function stepsTold(folder: OpenFolder, studio: Studio): StepsTold {
  if (!startingJobs.has(folder.steps)) closeJobSteps(folder.steps, (job) => isOver(studio, job));
  const { done, undone } = folder.steps;
  return { done: done.slice(-MOST_TOLD).reverse(), undone: undone.slice(0, MOST_TOLD) };
}

/** Also where the job was taken off the list, or the server was killed before it was put there. */
function isOver(studio: Studio, job: string | null): boolean {
  if (job === null) return true;
  try {
    return !["waiting", "running"].includes(seeJob(studio, readJob(studio, job)).seen.state);
  } catch (error) {
    if (error instanceof Refused) return true;
    throw error;
  }
}
