/** Runs a row's processes, each with a time limit and a log of its own. */

import { join } from "node:path";

/** One process. */
export interface Task {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly limit: number;
}

export interface Ended {
  readonly name: string;
  /** Exit status; 124 and 137: it ran out of time. */
  readonly status: number;
  readonly seconds: number;
  readonly log: string;
}

const RAN_OUT = [124, 137];
const running = new Set<Deno.ChildProcess>();

/** What a status is called. */
export function outcome(status: number): string {
  return status === 0 ? "ok" : RAN_OUT.includes(status) ? "TIME" : `FAIL(${status})`;
}

/** Runs one task for at most `left` seconds; timeout(1) ends it with all that it started. */
export async function runTask(task: Task, folder: string, left: number): Promise<Ended> {
  const path = join(folder, `${task.name}.log`), limit = Math.max(1, Math.ceil(Math.min(task.limit, left)));
  const at = performance.now();
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      'log=$1 limit=$2; shift 2; exec timeout -k 5 "$limit" "$@" >"$log" 2>&1 </dev/null',
      "sh",
      path,
      String(limit),
      ...task.command,
    ],
    env: { ...task.env },
    stdin: "null",
  }).spawn();
  running.add(child);
  const { code } = await child.status;
  running.delete(child);
  return {
    name: task.name,
    status: code,
    seconds: Math.round((performance.now() - at) / 1e3),
    log: new TextDecoder().decode(Deno.readFileSync(path)), // what a program printed need not be UTF-8
  };
}

/** Runs tasks, `atOnce` of them side by side; the results in the tasks' order. */
export async function runTasks(
  tasks: readonly Task[],
  folder: string,
  left: () => number,
  atOnce: number,
): Promise<Ended[]> {
  const ended: Ended[] = [];
  let next = 0;
  const worker = async () => {
    while (next < tasks.length) {
      const k = next++;
      ended[k] = await runTask(tasks[k], folder, left());
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, tasks.length) }, worker));
  return ended;
}

/** Ends what runs. */
export function endAll(): void {
  for (const child of running) child.kill("SIGTERM");
}
