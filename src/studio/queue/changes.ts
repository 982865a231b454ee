/** Who wants to know that something has changed in the files of jobs: one watcher for all pages. */

import { relative } from "node:path";
import type { Studio } from "../studio.ts";
import { jobsFolder } from "./job.ts";

/** Of the jobs that changed; null: look at all of them. */
type Listener = (ids: ReadonlySet<string> | null) => void;

/** What changes within this time is told at once: a page is drawn at most so often. */
const TOLD_EVERY = 500;

/** A process that was killed together with what kept it changes no file, and some file systems tell nothing. */
const LOOKED_EVERY = 3000;

const watching = new WeakMap<Studio, { listeners: Set<Listener>; stop: () => void }>();

/** Calls `changed` until the function that it gives is called. */
export function watchJobs(studio: Studio, changed: Listener): () => void {
  let watch = watching.get(studio);
  if (!watch) {
    const listeners = new Set<Listener>();
    watch = { listeners, stop: start(jobsFolder(studio), (ids) => [...listeners].forEach(told(ids))) };
    watching.set(studio, watch);
  }
  const { listeners, stop } = watch;
  listeners.add(changed);
  return () => {
    if (!listeners.delete(changed) || listeners.size > 0) return;
    watching.delete(studio);
    stop();
  };
}

/** Nobody is there for what one throws, as where its job has just been removed: the others are told, the server goes on. */
const told = (ids: ReadonlySet<string> | null) => (tell: Listener) => {
  try {
    tell(ids);
  } catch { /* the next look sees what there is then */ }
};

function start(folder: string, tell: Listener): () => void {
  let ids = new Set<string>(),
    timer: ReturnType<typeof setTimeout> | undefined,
    watcher: Deno.FsWatcher | null = null;
  const flush = () => {
    timer = undefined;
    const changed = ids;
    ids = new Set();
    tell(changed);
  };
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    watcher = Deno.watchFs(folder);
    gather(watcher, folder, (id) => {
      ids.add(id);
      timer ??= setTimeout(flush, TOLD_EVERY);
    });
  } catch { /* the clock below looks in its place */ }
  const clock = setInterval(() => tell(null), LOOKED_EVERY);
  return () => {
    clearInterval(clock);
    clearTimeout(timer);
    watcher?.close();
  };
}

async function gather(watcher: Deno.FsWatcher, folder: string, changed: (id: string) => void): Promise<void> {
  try {
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue;
      for (const path of paths) changed(relative(folder, path).split("/")[0]);
    }
  } catch { /* the folder went away */ }
}
