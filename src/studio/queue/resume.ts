/** Going on from where a job stopped: its own command line, and --resume with what it saved last. */

import { resolve } from "node:path";
import { isFolder } from "../../base/files/exists.ts";
import { fileText } from "../../base/files/regular_file.ts";
import type { JobFiles, QueuedJob } from "./job.ts";
import { eventOf } from "./told.ts";

/** By file of events; they only grow. */
const known = new Map<string, { readonly size: number; readonly states: readonly string[] }>();

/** The last state that the job told of and that is still there, as its line says it; null where there is none. */
export function resumeState({ folder }: Pick<QueuedJob, "folder">, { events }: JobFiles): string | null {
  return statesOf(events).findLast((state) => isFolder(resolve(folder, state))) ?? null;
}

function statesOf(path: string): readonly string[] {
  try {
    const { size } = Deno.statSync(path), before = known.get(path);
    if (before?.size === size) return before.states;
    const saves = fileText(path).split("\n").filter((line) => line.includes('"event":"save"'));
    const states = saves.map(eventOf).filter((event) => event?.what === "state")
      .map((event) => String(event!.path));
    known.set(path, { size, states });
    return states;
  } catch {
    return [];
  }
}

/** The same words with another --resume. Values follow their flag; one word may be both. */
export function resumingArgs(args: readonly string[], state: string): string[] {
  const kept = args.filter((word, i) =>
    word !== "--resume" && args[i - 1] !== "--resume" && !word.startsWith("--resume=")
  );
  return [...kept, "--resume", state];
}
