/** A job of the queue on the disk: one folder with what it is, what became of its process, what it said. */

import { join } from "node:path";
import { fileText } from "../../base/files/regular_file.ts";
import { writeKept } from "../kept_file.ts";
import { Refused, type Studio } from "../studio.ts";
import { sealOf } from "./seal.ts";

/** What somebody wants done; nothing in it ever changes. */
export interface QueuedJob {
  readonly format: typeof FORMAT;
  /** Sorts by the time of making. */
  readonly id: string;
  readonly command: string;
  /** What stands behind the command, without --json. */
  readonly args: readonly string[];
  /** Of `args` those that are keys or tokens, by index: never shown. */
  readonly secrets: readonly number[];
  /** What the page calls it. */
  readonly title: string;
  /** Where it runs: relative paths start here. */
  readonly folder: string;
  /** "cpu" or "cuda:N": of those with the same one runs at a time. */
  readonly device: string;
  /** ISO 8601. */
  readonly created: string;
  /** The job that it goes on from. */
  readonly resumes?: string;
  /** Without the right one it never begins by itself. */
  readonly seal?: string;
}

const FORMAT = "easel studio job 1";
export const JOB_FILE = "job.json";
const ID = /^\d{17}-[\da-f]{8}$/;

export const jobsFolder = ({ home }: Pick<Studio, "home">): string => join(home, "jobs");

/** Paths of one job's files. */
export interface JobFiles {
  readonly folder: string;
  /** There as soon as it is being started: who makes it starts it. */
  readonly run: string;
  /** Its process, as the system describes it. */
  readonly process: string;
  /** Its exit status, as a shell tells it. */
  readonly exit: string;
  /** Standard output: a JSON object a line (docs/automation.md). */
  readonly events: string;
  /** Standard error. */
  readonly log: string;
}

/** Throws Refused (404) for what is no id, so that no other path can be meant. */
export function filesOf(studio: Pick<Studio, "home">, id: string): JobFiles {
  if (!ID.test(id)) throw new Refused(404, "there is no such job");
  const folder = join(jobsFolder(studio), id), run = join(folder, "run");
  return {
    ...{ folder, run, process: join(run, "process"), exit: join(run, "exit") },
    ...{ events: join(folder, "events.jsonl"), log: join(folder, "log.txt") },
  };
}

/** Writes a new job; it waits from then on. */
export function writeJob(
  studio: Pick<Studio, "home">,
  job: Omit<QueuedJob, "format" | "id" | "created" | "seal">,
  now: Date = new Date(),
): QueuedJob {
  const created = now.toISOString();
  const id = `${created.replaceAll(/\D/g, "")}-${crypto.getRandomValues(new Uint8Array(4)).toHex()}`;
  const whole = { ...job, format: FORMAT, id, created } as const, sealed = { ...whole, seal: sealOf(whole) };
  const { folder } = filesOf(studio, id);
  // keys and tokens may stand in it
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeKept(studio.home, join(folder, JOB_FILE), JSON.stringify(sealed, null, 2) + "\n");
  return sealed;
}

/** Throws Refused (404) where there is none, or none that this easel knows. */
export function readJob(studio: Pick<Studio, "home">, id: string): QueuedJob {
  const { folder } = filesOf(studio, id);
  const job = parsed(join(folder, JOB_FILE), id);
  if (job === null) throw new Refused(404, "there is no such job");
  return job;
}

/** Oldest first; what is no job is passed over. */
export function readJobs(studio: Pick<Studio, "home">): QueuedJob[] {
  let names: string[];
  try {
    names = [...Deno.readDirSync(jobsFolder(studio))].map(({ name }) => name);
  } catch {
    return [];
  }
  const known = names.filter((name) => ID.test(name)).sort();
  return known.map((id) => parsed(join(jobsFolder(studio), id, JOB_FILE), id))
    .filter((job) => job !== null);
}

/** A request is at most 4 MiB, and so is no job longer than this. */
const MOST_BYTES = 32 << 20;

/** Null for what is none, or only half of one. */
function parsed(path: string, id: string): QueuedJob | null {
  try {
    if (Deno.statSync(path).size > MOST_BYTES) return null;
    const job = JSON.parse(fileText(path));
    return job.format === FORMAT && job.id === id && isWhole(job) ? job : null;
  } catch {
    return null;
  }
}

const TEXTS = ["command", "title", "folder", "device", "created"] as const;

function isWhole(job: Partial<Record<keyof QueuedJob, unknown>>): boolean {
  const isText = (value: unknown) => typeof value === "string" && !value.includes("\0");
  const { args, secrets, resumes, seal } = job;
  return TEXTS.every((name) => isText(job[name])) && Array.isArray(args) && args.every(isText) &&
    Array.isArray(secrets) && secrets.every(Number.isInteger) &&
    [resumes, seal].every((value) => value === undefined || isText(value));
}

/** Commands with a loss, which hear what they are told between two steps. */
export const isTraining = (command: string): boolean => /train|fine_tune/.test(command);
