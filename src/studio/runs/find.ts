/** Runs that other programs and earlier starts have left in the user's folders: logs, states, sample pictures. */

import { join } from "node:path";
import { openFile } from "../../base/files/regular_file.ts";
import { readableEntries } from "../entries.ts";
import type { Folders } from "../studio.ts";
import { isEventFile } from "./board_record.ts";
import type { SamplePicture } from "./record.ts";
import type { SavedFile } from "./shown.ts";

export interface FoundLog {
  readonly kind: "log";
  readonly folder: string;
  /** The oldest first: their names begin with the time. */
  readonly names: readonly string[];
}

/** An output folder's files of one name. */
export interface FoundOutput {
  readonly kind: "output";
  readonly folder: string;
  readonly name: string;
  readonly saves: readonly SavedFile[];
  readonly samples: readonly SamplePicture[];
}

/** Deeper and further nobody keeps a run, but some keep other things. */
const DEEPEST = 6, MOST_FOLDERS = 5000;

const STATE_BEGINNING = '{"format":"easel training state ';
/** src/training/loop/save_names.ts and samples.ts write these names, as sd-scripts does. */
const STATE = /^(.*?)(?:-step(\d{8})|-(\d{6}))?-state$/;
const SAMPLE = /^(.+)_(e?)(\d{6})_(\d{2,})_(\d{14})(?:_(-?\d+))?\.png$/;

/** Walks the folders, without following links and without what is hidden. */
export function findRuns({ roots }: Pick<Folders, "roots">): (FoundLog | FoundOutput)[] {
  const found: (FoundLog | FoundOutput)[] = [], seen = new Set<string>();
  let open = roots.map((path) => ({ path, depth: 0 }));
  for (let count = 0; open.length > 0 && count < MOST_FOLDERS;) {
    const next: typeof open = [];
    for (const { path, depth } of open) {
      if (seen.has(path) || ++count > MOST_FOLDERS) continue;
      seen.add(path);
      const entries = readableEntries(path);
      const logs = entries.filter(({ name, isFile }) => isFile && isEventFile(name)).map(({ name }) => name);
      if (logs.length) found.push({ kind: "log", folder: path, names: logs.sort() });
      found.push(...outputsOf(path, entries));
      if (depth === DEEPEST) continue;
      for (const { name, isDirectory } of entries) {
        if (isDirectory && !/^\.|^node_modules$/.test(name)) {
          next.push({ path: join(path, name), depth: depth + 1 });
        }
      }
    }
    open = next;
  }
  return found;
}

function outputsOf(folder: string, entries: readonly Deno.DirEntry[]): FoundOutput[] {
  const outputs = new Map<string, { saves: SavedFile[]; samples: SamplePicture[] }>();
  const of = (name: string) => {
    const known = outputs.get(name) ?? { saves: [], samples: [] };
    outputs.set(name, known);
    return known;
  };
  for (const { name, isDirectory } of entries) {
    const match = isDirectory ? STATE.exec(name) : null;
    const step = match ? stepOfState(join(folder, name)) : null;
    if (match && step !== null) of(match[1]).saves.push({ what: "state", path: join(folder, name), step });
  }
  const samples = entries.some(({ name, isDirectory }) => isDirectory && name === "sample")
    ? readableEntries(join(folder, "sample"))
    : [];
  for (const { name, isFile } of samples) {
    const match = isFile ? SAMPLE.exec(name) : null;
    if (!match) continue;
    const [, output, , when, place, , seed] = match;
    of(output).samples.push({
      path: join(folder, "sample", name),
      prompt: `#${Number(place) + 1}`,
      seed: seed === undefined ? null : Number(seed),
      step: Number(when),
    });
  }
  const byStep = (a: { step: number }, b: { step: number }) => a.step - b.step;
  return [...outputs].map(([name, { saves, samples }]) => ({
    ...{ kind: "output" as const, folder, name },
    ...{ saves: saves.sort(byStep), samples: samples.sort(byStep) },
  }));
}

/** The step that a state is of; null for a folder that is none of easel's. */
function stepOfState(folder: string): number | null {
  try {
    using file = openFile(join(folder, "state.json"));
    const bytes = new Uint8Array(4096), got = file.readSync(bytes) ?? 0;
    const text = new TextDecoder().decode(bytes.subarray(0, got));
    if (!text.startsWith(STATE_BEGINNING)) return null;
    return Number(/"globalStep":(\d+)/.exec(text)?.[1] ?? 0);
  } catch {
    return null;
  }
}
