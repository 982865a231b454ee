/** Going through pictures with progress, and with an ear for Ctrl-C between two of them. */

import { hearSignals, type JobContext } from "../../base/job.ts";

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
    if (performance.now() - heard > LISTEN_MS) {
      await hearSignals(context);
      heard = performance.now();
    }
    await work(item, i);
    context.progress({ task, step: i + 1, total });
  }
  await hearSignals(context);
}
