/** All runs that there are, and what is known of one. */

import { resolve } from "node:path";
import { Refused, type Studio } from "../studio.ts";
import { isTraining, readJob, readJobs } from "../queue/job.ts";
import { processOf } from "../queue/process.ts";
import { seeJob, type SeenJob } from "../queue/queue.ts";
import { BoardReader } from "./board_record.ts";
import { findRuns, type FoundLog, type FoundOutput } from "./find.ts";
import { JobReader } from "./job_record.ts";
import { RunRecord } from "./record.ts";

export type RunSource = ({ readonly kind: "job" } & SeenJob) | FoundLog | FoundOutput;

/** Kept read: the curves of 100,000 steps take some megabytes. */
const MOST_READ = 12;

interface Reader {
  readonly record: RunRecord;
  update(): void;
}

const readers = new Map<string, Reader>();

export function idOf(source: RunSource): string {
  if (source.kind === "job") return source.job.id;
  const text = source.kind === "log" ? [source.folder] : [source.folder, source.name];
  return `${source.kind}-${
    new TextEncoder().encode(text.join("\0")).toBase64({ alphabet: "base64url", omitPadding: true })
  }`;
}

/** Every run, in no order. A log that one of the jobs has written, or an output of it, belongs to that job. */
export function allRuns(studio: Studio): RunSource[] {
  const jobs = readJobs(studio).map((job) => ({ kind: "job" as const, ...seeJob(studio, job) }));
  const trainings = jobs.filter(({ job, seen }) => seen.state !== "waiting" && isTraining(job.command));
  const processes = new Set(jobs.map(({ files }) => processOf(files)?.pid));
  const folders = new Set(jobs.flatMap(({ job }) => outputOf(job.args, job.folder)));
  const found = findRuns(studio.folders).filter((run) =>
    run.kind === "log" ? !isOurs(run, processes) : !folders.has(`${run.folder}\0${run.name}`)
  );
  return [...trainings, ...found];
}

/** Throws Refused (404). */
export function findRun(studio: Studio, id: string): RunSource {
  const [, kind, encoded] = /^(log|output)-([\w-]+)$/.exec(id) ?? [];
  if (kind === undefined) return { kind: "job", ...seeJob(studio, readJob(studio, id)) };
  const [folder] = decoded(encoded).split("\0");
  const source = findRuns({ roots: [studio.folders.inside(folder)] }).find((run) => idOf(run) === id);
  if (!source) throw new Refused(404, "there is no such run any more");
  return source;
}

function decoded(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(text, { alphabet: "base64url" }));
  } catch {
    throw new Refused(404, "there is no such run");
  }
}

/** What is known of it now. */
export function recordOf(source: RunSource): RunRecord {
  if (source.kind === "output") return outputRecord(source);
  const id = idOf(source), known = readers.get(id);
  const reader = known ??
    (source.kind === "job"
      ? new JobReader(source.files.events)
      : new BoardReader(source.folder, source.names));
  readers.delete(id);
  readers.set(id, reader);
  for (const old of [...readers.keys()].slice(0, -MOST_READ)) readers.delete(old);
  reader.update();
  return reader.record;
}

function outputRecord({ saves, samples }: FoundOutput): RunRecord {
  const record = new RunRecord();
  record.saves.push(...saves);
  record.samples.push(...samples);
  record.step = Math.max(0, ...saves.map(({ step }) => step), ...samples.map(({ step }) => step));
  return record;
}

/** Its writer's process is part of an event file's name: events.out.tfevents.SECONDS.HOST.PID.N */
function isOurs({ names }: FoundLog, processes: ReadonlySet<number | undefined>): boolean {
  return names.every((name) => processes.has(Number(/\.(\d+)\.\d+[^.]*$/.exec(name)?.[1])));
}

function outputOf(args: readonly string[], folder: string): string[] {
  const value = (flag: string) =>
    args.findLast((word, i) => args[i - 1] === `--${flag}` || word.startsWith(`--${flag}=`))
      ?.replace(`--${flag}=`, "");
  const directory = value("output_dir"), name = value("output_name");
  return directory && name ? [`${resolve(folder, directory)}\0${name}`] : [];
}
