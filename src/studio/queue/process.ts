/** The processes of jobs: started so that they outlive the server, found again, told to stop. */

import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { kill } from "node:process";
import { fileText } from "../../base/files/regular_file.ts";
import type { JobFiles, QueuedJob } from "./job.ts";

/**
 * A shell keeps the job: it notes which process that is, with the time of its start and the system's, and in the end its
 * status, whoever is still there to ask. Where the job's folder has gone meanwhile, nothing is started.
 */
const KEEPER = `run=$1; shift
sh -c '{ read -r line </proc/$$/stat && read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || line=$$
{ printf "%s\\n%s\\n" "$line" "$boot" >"$0/process.tmp" && mv "$0/process.tmp" "$0/process"; } || exit 1
exec "$@"' "$run" "$@"
echo $? >"$run/exit.tmp" && mv "$run/exit.tmp" "$run/exit"`;

/**
 * Starts a job whose run folder this call has made. `ended` is called where this server still is when it ends, with the
 * reason where it never began. Throws what the system says.
 */
export function startProcess(
  launch: readonly string[],
  { command, args, folder }: QueuedJob,
  files: JobFiles,
  ended: (reason?: Error) => void,
): void {
  const events = openSync(files.events, "a", 0o600);
  let log: number;
  try {
    log = openSync(files.log, "a", 0o600);
  } catch (error) {
    closeSync(events);
    throw error;
  }
  const words = [...launch, command, ...args, "--json"];
  const child = spawn("/bin/sh", ["-c", KEEPER, "easel-job", files.run, ...words], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", events, log],
  });
  for (const descriptor of [events, log]) closeSync(descriptor);
  child.on("exit", () => ended());
  child.on("error", ended);
  child.unref();
}

/** Sends it a signal; false where it has ended meanwhile. */
export function signalProcess({ pid }: JobProcess, signal: "SIGINT" | "SIGUSR1" | "SIGUSR2"): boolean {
  try {
    kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ESRCH") return false;
    throw error;
  }
}

export interface JobProcess {
  readonly pid: number;
  /** Ticks since the system's start; absent where the system does not say. */
  readonly start?: string;
  /** The shell that notes its end. */
  readonly keeper?: number;
  readonly boot?: string;
}

/** null where there is none yet. */
export function processOf({ process }: Pick<JobFiles, "process">): JobProcess | null {
  try {
    const [line, boot] = fileText(process).split("\n");
    const pid = Number.parseInt(line);
    const stat = statOf(line);
    return pid > 1 ? { pid, start: stat?.start, keeper: stat?.parent, boot } : null;
  } catch {
    return null;
  }
}

/** Whether it is still that process, and not another one under its number. */
export function isAlive({ pid, start, boot }: JobProcess): boolean {
  // a number alone says nothing where the system could have said more
  if (start === undefined) return read("/proc/self/stat") === null && answers(pid);
  const now = procStat(pid);
  return now !== null && now.start === start && !"ZX".includes(now.state) && isBoot(boot);
}

/** Whether its end is about to be noted: its keeper began just before it. */
export function isKept({ start, keeper, boot }: JobProcess): boolean {
  const now = keeper === undefined ? null : procStat(keeper);
  const before = now === null ? -1 : Number(start) - Number(now.start);
  return now !== null && !"ZX".includes(now.state) && before >= 0 && before < 30 * TICKS && isBoot(boot);
}

const isBoot = (boot: string | undefined) => boot === read("/proc/sys/kernel/random/boot_id")?.trim();

/** Processor time that it has used, in seconds; null where the system does not say. */
export function processorSeconds({ pid }: JobProcess): number | null {
  const stat = procStat(pid);
  return stat && stat.ticks / TICKS;
}

/** Memory of the machine that it takes; null where the system does not say. */
export function residentBytes({ pid }: JobProcess): number | null {
  const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "") ?? [];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/** sysconf(_SC_CLK_TCK) of every Linux that is in use. */
const TICKS = 100;

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly start: string;
  readonly ticks: number;
}

/** proc(5): the name in parentheses may hold anything, so fields are counted from its end. */
function statOf(line: string): Stat | undefined {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  if (fields.length < 20) return undefined;
  return {
    state: fields[0],
    parent: Number(fields[1]),
    start: fields[19],
    ticks: Number(fields[11]) + Number(fields[12]),
  };
}

function procStat(pid: number): Stat | null {
  const line = read(`/proc/${pid}/stat`);
  return line === null ? null : statOf(line) ?? null;
}

function answers(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}
