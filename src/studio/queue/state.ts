/** What has become of a job: seen anew each time in its process and its files, and written down nowhere. */

import { fileText } from "../../base/files/regular_file.ts";
import type { JobFiles } from "./job.ts";
import { isAlive, isKept, processOf } from "./process.ts";
import type { JobEnd, JobState, Remedy } from "./shown.ts";
import { lastEvents, lastWords, type ToldEvent } from "./told.ts";

export interface JobSeen {
  readonly state: JobState;
  readonly end: JobEnd | null;
  readonly pid: number | null;
  /** Unix time in milliseconds. */
  readonly started: number | null;
  readonly ended: number | null;
  /** The end of its events. */
  readonly told: readonly ToldEvent[];
}

/** Between making the run folder and the process' note lies the start of two shells; in milliseconds. */
const START_WITHIN = 20_000;

/** Also where the clock was put back since. */
export const isRecent = (made: number) => Math.abs(Date.now() - made) < START_WITHIN;

const NOTHING = { end: null, pid: null, started: null, ended: null, told: [] };

export function stateOf(files: JobFiles): JobSeen {
  const made = timeOf(files.run);
  if (made === null) return { state: "waiting", ...NOTHING };
  const process = processOf(files);
  const started = timeOf(files.process) ?? made;
  if (
    exitOf(files) === null &&
    (process ? isAlive(process) || isKept(process) : isRecent(made))
  ) {
    const told = lastEvents(files.events);
    return { state: "running", end: null, pid: process?.pid ?? null, started, ended: null, told };
  }
  // noted before its keeper was gone, and behind the last that it told: read earlier, that would be missing
  const exit = exitOf(files), told = lastWords(files.events);
  const ended = timeOf(files.exit) ?? timeOf(files.events) ?? made;
  return { ...endOf(told.at(-1), exit, process === null), pid: null, started, ended, told };
}

function endOf(
  last: ToldEvent | undefined,
  exit: number | null,
  neverBegan: boolean,
): Pick<JobSeen, "state" | "end"> {
  if (last?.event === "done" || last?.event !== "error" && exit === 0) return { state: "done", end: null };
  const signal = exit !== null && exit > 128 && exit <= 128 + 64 ? exit - 128 : null;
  if (last?.event === "error") {
    const status = typeof last.exit_code === "number" ? last.exit_code : exit;
    const remedy = last.kind === "internal" ? "bug" : "message";
    const state = last.kind === "interrupted" ? "interrupted" : "failed";
    return { state, end: { status, signal: null, message: String(last.message), remedy } };
  }
  const status = signal === null ? exit : null;
  return {
    state: "died",
    end: { status, signal, message: null, remedy: remedyOf(status, signal, neverBegan) },
  };
}

/** The system's own reason to kill with SIGKILL is memory; the others come from mistakes in programs. */
function remedyOf(status: number | null, signal: number | null, neverBegan: boolean): Remedy {
  if (neverBegan || status === 126 || status === 127) return "start";
  if (signal === 9) return "memory";
  if (signal !== null) return [4, 6, 7, 8, 11].includes(signal) ? "bug" : "killed";
  return status === null ? "lost" : "bug";
}

function exitOf({ exit }: JobFiles): number | null {
  try {
    const status = Number.parseInt(fileText(exit));
    return Number.isInteger(status) ? status : null;
  } catch {
    return null;
  }
}

function timeOf(path: string): number | null {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return null;
  }
}
