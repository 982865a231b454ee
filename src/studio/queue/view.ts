/** A job as the page shows it. */

import type { Studio } from "../studio.ts";
import { isTraining } from "./job.ts";
import { seeJobs, type SeenJob, waitingInOrder } from "./queue.ts";
import { resumeState } from "./resume.ts";
import type { JobProgress, JobView, QueueView } from "./shown.ts";
import type { ToldEvent } from "./told.ts";

/** More that have ended are found among the runs. */
const MOST_ENDED = 100;

export function queueView(studio: Pick<Studio, "home">): QueueView {
  const jobs = seeJobs(studio);
  const ended = jobs.filter(({ seen }) => !["waiting", "running"].includes(seen.state));
  ended.sort((a, b) => (b.seen.ended ?? 0) - (a.seen.ended ?? 0));
  return {
    running: jobs.filter(({ seen }) => seen.state === "running").map(jobView),
    waiting: waitingInOrder(studio, jobs).map(jobView),
    ended: ended.slice(0, MOST_ENDED).map(jobView),
  };
}

export function jobView({ job, files, seen }: SeenJob): JobView {
  const { id, title, command, device, created, resumes = null } = job, { state, end, started, ended } = seen;
  const args = job.args.map((word, i) => job.secrets.includes(i) ? masked(word) : word);
  const stopped = state === "interrupted" || state === "failed" || state === "died";
  const resume = stopped ? resumeState(job, files) : null;
  return {
    ...{ id, title, command, args, device, state, end, created, started, ended, resume, resumes },
    trains: isTraining(command),
    progress: progressOf(seen.told),
  };
}

const masked = (word: string) => word.replace(/^(--[^=]+=)?.*$/s, "$1***");

export function progressOf(told: readonly ToldEvent[]): JobProgress | null {
  const last = told.findLast(({ event }) => event === "step");
  if (!last) return null;
  const { task, step, total, loss } = last;
  return {
    task: String(task),
    step: Number(step),
    total: Number(total),
    loss: typeof loss === "number" ? loss : null,
    secondsPerStep: secondsPerStep(told.filter((one) => one.event === "step" && one.task === task)),
  };
}

/** Over the last steps that were told; what was saved or drawn in between counts, as it does for the time left. */
function secondsPerStep(steps: readonly ToldEvent[]): number | null {
  // what is done again and again, such as drawing samples, begins anew each time
  const begun = steps.findLastIndex(({ step }, i) => i > 0 && Number(step) < Number(steps[i - 1].step));
  const first = steps[Math.max(0, begun)], last = steps.at(-1);
  if (!first || !last || first === last) return null;
  const seconds = (Date.parse(String(last.time)) - Date.parse(String(first.time))) / 1000;
  const made = Number(last.step) - Number(first.step);
  return made > 0 && Number.isFinite(seconds) ? seconds / made : null;
}
