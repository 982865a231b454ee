/** What a server does about the queue from its start to its end. */

import type { Studio } from "../studio.ts";
import { processOf, signalProcess } from "./process.ts";
import { seeJobs, tryNext } from "./queue.ts";

/** Ends of jobs that an earlier server started are seen so often; those of its own it is told. */
const LOOKED_EVERY = 3000;

/** Starts what waits, now and whenever a device becomes free, until the studio's signal is aborted. */
export function keepQueue(studio: Studio): void {
  tryNext(studio);
  const clock = setInterval(() => tryNext(studio), LOOKED_EVERY);
  studio.signal.addEventListener("abort", () => clearInterval(clock), { once: true });
}

/** How many jobs run, whoever started them. */
export function runningJobs(studio: Pick<Studio, "home">): number {
  return seeJobs(studio).filter(({ seen }) => seen.state === "running").length;
}

/** Tells every running job to save and end, for a server that leaves none behind. */
export function stopJobs(studio: Pick<Studio, "home">): void {
  for (const { files, seen } of seeJobs(studio)) {
    const process = seen.state === "running" ? processOf(files) : null;
    if (process) signalProcess(process, "SIGINT");
  }
}
