/** Steps that can be taken back and done again, as the page shows them. */

import type { Studio } from "../../studio.ts";
import { closeJobSteps } from "../captions/job_step.ts";
import type { StepsTold } from "../told.ts";
import type { OpenFolder } from "../room.ts";

const MOST_TOLD = 50;

/** Jobs that are over are closed first. */
export function stepsTold(folder: OpenFolder, studio: Studio): StepsTold {
  closeJobSteps(folder.steps, (job) => isOver(studio, job));
  const { done, undone } = folder.steps;
  return { done: done.slice(-MOST_TOLD).reverse(), undone: undone.slice(0, MOST_TOLD) };
}

function isOver(_studio: Studio, job: string | null): boolean {
  return job === null;
}
