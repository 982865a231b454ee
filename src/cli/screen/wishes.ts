/** Signals that ask a training for something while it goes on; every other job hears them and goes on as well. */

import type { RunWish, RunWishes } from "../../base/job.ts";

const SIGNALS: Readonly<Record<RunWish, Deno.Signal>> = { save: "SIGUSR1", samples: "SIGUSR2" };

export interface HeardWishes extends RunWishes {
  /** Stops listening. */
  close(): void;
}

/** What is asked for twice before it is taken is done once. */
export function hearWishes(): HeardWishes {
  const wished = new Set<RunWish>();
  const listeners = (Object.entries(SIGNALS) as [RunWish, Deno.Signal][])
    .filter(() => Deno.build.os !== "windows")
    .map(([wish, signal]) => ({ signal, hear: () => void wished.add(wish) }));
  for (const { signal, hear } of listeners) Deno.addSignalListener(signal, hear);
  return {
    take: (what) => wished.delete(what),
    close() {
      for (const { signal, hear } of listeners) Deno.removeSignalListener(signal, hear);
    },
  };
}
