/** Going through pictures with progress, and with an ear for Ctrl-C between two of them. */

import { hearSignals, type JobContext } from "../../base/job.ts";
import type { Pool } from "../../base/workers/pool.ts";

/** Work that never waits lets signals in this often. */
const LISTEN_MS = 50;

/** Calls `work` for one item after the other. Throws Interrupted between two. */
export async function eachPicture<T>(
  task: string,
  items: readonly T[],
  context: JobContext,
  work: (item: T, index: number) => void | Promise<void>,
): Promise<void> {
  const total = items.length;
  let heard = 0;
  context.progress({ task, step: 0, total });
  for (const [i, item] of items.entries()) {
    if (context.signal.aborted || performance.now() - heard > LISTEN_MS) {
      await hearSignals(context);
      heard = performance.now();
    }
    await work(item, i);
    context.progress({ task, step: i + 1, total });
  }
  await hearSignals(context);
}

/**
 * As eachPicture(), but other threads are at work on what comes next: `make` asks them, `work` gets what was promised for the
 * item when its turn comes, and alone writes.
 */
export async function eachMade<T, Made>(
  task: string,
  items: readonly T[],
  context: JobContext,
  pool: Pool,
  make: (item: T) => Promise<Made>,
  work: (item: T, made: Promise<Made>, index: number) => void | Promise<void>,
  ahead = pool.ahead,
): Promise<void> {
  const made: Promise<Made>[] = [];
  let asked = 0;
  await eachPicture(task, items, context, async (item, i) => {
    for (; asked < Math.min(items.length, i + ahead); asked++) {
      const one = make(items[asked]);
      one.catch(() => {}); // told when its turn comes, which may never be
      made.push(one);
    }
    await work(item, made.shift()!, i);
  });
}
