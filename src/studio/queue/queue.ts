/** The queue: which job is next, what is done with one, and who starts it. */

import { join } from "node:path";
import { fileText } from "../../base/files/regular_file.ts";
import { type FolderKind, removeFolder } from "../../base/files/whole_folder.ts";
import { writeKept } from "../kept_file.ts";
import { Refused, type Studio } from "../studio.ts";
import { acceptAgain, acceptJob, type WantedJob } from "./accept.ts";
import {
  filesOf,
  JOB_FILE,
  type JobFiles,
  jobsFolder,
  type QueuedJob,
  readJob,
  readJobs,
  writeJob,
} from "./job.ts";
import { isAlive, processOf, signalProcess, startProcess } from "./process.ts";
import { resumeState, resumingArgs } from "./resume.ts";
import { isSealed } from "./seal.ts";
import { isRecent, type JobSeen, stateOf } from "./state.ts";
import type { ToldEvent } from "./told.ts";

export interface SeenJob {
  readonly job: QueuedJob;
  readonly files: JobFiles;
  readonly seen: JobSeen;
}

/** The order that the user wants for jobs that wait; those that it does not name come behind them, oldest first. */
const orderFile = (studio: Pick<Studio, "home">) => join(jobsFolder(studio), "order.json");

export function seeJobs(studio: Pick<Studio, "home">): SeenJob[] {
  return readJobs(studio).map((job) => seeJob(studio, job));
}

/** Whose end is on the disk changes no more. By folder. */
const ended = new Map<string, JobSeen>();

export function seeJob(studio: Pick<Studio, "home">, job: QueuedJob): SeenJob {
  const files = filesOf(studio, job.id), before = ended.get(files.folder);
  if (before) return { job, files, seen: before };
  const found = stateOf(files);
  const seen = found.state === "waiting" && !isSealed(job) ? { ...found, ...BROUGHT } : found;
  if (seen.end?.status != null || seen.end?.signal != null || seen.state === "done") {
    ended.set(files.folder, { ...seen, told: lastSteps(seen.told) });
  }
  return { job, files, seen };
}

/** All that is shown of a job that has ended: of the steps of its last task the first and the last. */
function lastSteps(told: readonly ToldEvent[]): ToldEvent[] {
  const last = told.findLast(({ event }) => event === "step");
  const first = told.find(({ event, task }) => event === "step" && task === last?.task);
  return last && first ? first === last ? [last] : [first, last] : [];
}

/** A job that waits and that nobody here has queued. */
const BROUGHT: Pick<JobSeen, "state" | "end"> = {
  state: "failed",
  end: {
    ...{ status: null, signal: null },
    remedy: "message",
    message: "this job came with its folder and does not begin by itself; look at it, and queue it anew",
  },
};

/** Of these jobs those that wait, the next one first. */
export function waitingInOrder(studio: Pick<Studio, "home">, jobs: readonly SeenJob[]): SeenJob[] {
  const order = readOrder(studio);
  const place = ({ job }: SeenJob) => {
    const at = order.indexOf(job.id);
    return at < 0 ? Infinity : at;
  };
  return jobs.filter(({ seen }) => seen.state === "waiting").sort((a, b) =>
    place(a) === place(b) ? a.job.id < b.job.id ? -1 : 1 : place(a) - place(b)
  );
}

/** Queues it, and starts it where its device is free. Throws Refused with what is wrong with it. */
export async function addJob(studio: Studio, wanted: WantedJob): Promise<QueuedJob> {
  const job = writeJob(studio, await acceptJob(wanted, studio));
  startNext(studio);
  return job;
}

/** A new job that goes on where this one stopped. Throws Refused (409) where nothing was saved. */
export async function resumeJob(studio: Studio, id: string): Promise<QueuedJob> {
  const { job, files, seen } = seeJob(studio, readJob(studio, id));
  if (["waiting", "running"].includes(seen.state)) throw new Refused(409, `${job.title}: has not ended yet`);
  const other = seeJobs(studio).find(({ job: { resumes }, seen: { state } }) =>
    resumes === id && ["waiting", "running"].includes(state)
  );
  if (other) throw new Refused(409, `${job.title}: goes on already; stop that job first, or take it out`);
  const state = resumeState(job, files);
  if (state === null) {
    throw new Refused(409, `${job.title}: saved no state that is still there; start it anew`);
  }
  const { command, args, title } = job;
  return await addJob(studio, { command, args: resumingArgs(args, state), title, resumes: id });
}

/** `ids` come first from now on, in this order. */
export function orderJobs(studio: Studio, ids: readonly string[]): void {
  const waiting = waitingInOrder(studio, seeJobs(studio)).map(({ job }) => job.id);
  const known = ids.filter((id) => waiting.includes(id));
  const order = [...new Set([...known, ...waiting])];
  writeKept(studio.home, orderFile(studio), JSON.stringify(order) + "\n");
  startNext(studio);
}

function readOrder(studio: Pick<Studio, "home">): string[] {
  try {
    const order = JSON.parse(fileText(orderFile(studio)));
    return Array.isArray(order) ? order.map(String) : [];
  } catch {
    return [];
  }
}

/** What can be asked of a running job: docs/automation.md. Stopping a second time stops at once, without saving. */
const SIGNALS = { stop: "SIGINT", save: "SIGUSR1", samples: "SIGUSR2" } as const;

/** Throws Refused (409) where it does not run any more, or not yet far enough to hear. */
export function tellJob(studio: Studio, id: string, what: keyof typeof SIGNALS): void {
  const { title } = readJob(studio, id), files = filesOf(studio, id), process = processOf(files);
  if (!process || !isAlive(process)) throw new Refused(409, `${title}: does not run`);
  const { told } = stateOf(files);
  // before its first word it listens to nothing: what is meant as a request would end it
  if (what !== "stop" && told.length === 0) {
    throw new Refused(409, `${title}: has only just begun; try again soon`);
  }
  if (!signalProcess(process, SIGNALS[what])) throw new Refused(409, `${title}: has just ended`);
}

/** Only what the queue itself writes. */
const JOB_FOLDER: FolderKind = {
  what: "a job",
  mark: JOB_FILE,
  exchange: () => false,
  holdsOnly: (folder) =>
    [...Deno.readDirSync(folder)].every(({ name, isDirectory, isSymlink }) =>
      !isSymlink && (name === "run" && isDirectory || /^(job\.json|events\.jsonl|log\.txt)$/.test(name))
    ),
};

/** Takes a job that waits out of the queue, or one that has ended off the list: what it made stays where it is. */
export function removeJob(studio: Studio, id: string): void {
  const job = readJob(studio, id), { files, seen } = seeJob(studio, job);
  if (seen.state === "running") throw new Refused(409, `${job.title}: runs; stop it first`);
  if (seen.state === "waiting" && !claim(files)) {
    throw new Refused(409, `${job.title}: has just been started`);
  }
  removeFolder(files.folder, JOB_FOLDER, (line) => {
    throw new Refused(409, line);
  });
}

/** Only one can make the folder, be it of another server on the same queue. */
function claim({ run }: JobFiles): boolean {
  try {
    Deno.mkdirSync(run);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Starts on every device that is free the next job that waits for it; called again whenever one ends. */
export function startNext(studio: Studio): void {
  if (studio.signal.aborted) return;
  const jobs = seeJobs(studio);
  jobs.forEach(unclaim);
  const busy = new Set(jobs.filter(({ seen }) => seen.state === "running").map(({ job }) => job.device));
  for (const { job, files } of waitingInOrder(studio, jobs)) {
    if (busy.has(job.device)) continue;
    busy.add(job.device);
    start(studio, job, files);
  }
}

/** The same where nobody waits for an answer: on a full disk, say, jobs wait until there is room, and the server goes on. */
export function tryNext(studio: Studio): void {
  try {
    startNext(studio);
  } catch { /* tried again at the next look */ }
}

/** A job that cannot be started ends so, and keeps no other from being started. */
function start(studio: Studio, job: QueuedJob, files: JobFiles): void {
  const failed = (reason: unknown) => {
    const why = reason instanceof Error ? reason.message.split("\n")[0] : String(reason);
    const message = `${job.title}: cannot be started in ${job.folder} (${why}); mend that and queue it again`;
    const event = { v: 1, event: "error", kind: "failed", message, exit_code: CANNOT_RUN };
    try {
      Deno.writeTextFileSync(files.events, JSON.stringify(event) + "\n", { append: true, mode: 0o600 });
      Deno.writeTextFileSync(files.exit, `${CANNOT_RUN}\n`);
    } catch { /* nothing can be written there: it waits again, and is tried anew after a while */ }
  };
  try {
    if (!claim(files)) return;
  } catch (error) {
    return failed(error);
  }
  // its files may have changed since it was queued
  acceptAgain(job, studio).then(() => {
    if (studio.signal.aborted) return Deno.removeSync(files.run); // it waits for the next server
    startProcess(studio.launch, job, files, (reason) => {
      if (reason) failed(reason);
      tryNext(studio);
    });
  }).catch((reason) => {
    failed(reason);
    tryNext(studio);
  });
}

/** As a shell tells it. */
const CANNOT_RUN = 126;

/** A server that was killed between claiming a job and starting it: the job waits again. */
function unclaim({ files, seen }: SeenJob): void {
  if (seen.end?.remedy !== "start" || processOf(files)) return;
  try {
    const made = Deno.statSync(files.run).mtime?.getTime() ?? 0;
    if (!isRecent(made)) Deno.removeSync(files.run); // fails where there is anything in it
  } catch { /* it was started after all */ }
}
