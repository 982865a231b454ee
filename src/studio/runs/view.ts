/** Runs as the page shows them. */

import { basename, dirname, relative, resolve } from "node:path";
import { isAlive, processOf, processorSeconds, residentBytes } from "../queue/process.ts";
import { jobView } from "../queue/view.ts";
import { Refused, type Studio } from "../studio.ts";
import { deviceLoad } from "./device_load.ts";
import type { Points, RunDetails, RunNow, RunSummary } from "./shown.ts";
import { allRuns, findRun, idOf, recordOf, type RunSource } from "./runs.ts";

/** The latest first. */
export function runList(studio: Studio): RunSummary[] {
  const runs = allRuns(studio).map((source) => summaryOf(source, studio));
  return runs.sort((a, b) => (b.started ?? 0) - (a.started ?? 0));
}

function summaryOf(source: RunSource, { folders }: Studio): RunSummary {
  const id = idOf(source), { kind } = source;
  const place = (path: string) => relative(folders.roots[0], path) || ".";
  if (kind === "job") {
    const { job: { title, folder }, seen: { state, started, ended } } = source;
    return { id, kind, title, place: place(folder), state, started, ended };
  }
  const shown = { id, kind, place: place(source.folder), state: null };
  if (kind === "log") {
    const started = Number(/tfevents\.(\d+)/.exec(source.names[0])?.[1]) * 1000 || null;
    return {
      ...shown,
      title: `${basename(dirname(source.folder))}/${basename(source.folder)}`,
      started,
      ended: null,
    };
  }
  const last = source.samples.at(-1)?.path ?? source.saves.at(-1)?.path;
  const ended = last === undefined ? null : Deno.statSync(last).mtime?.getTime() ?? null;
  return { ...shown, title: source.name, started: ended, ended };
}

export function runDetails(studio: Studio, id: string): RunDetails {
  const source = findRun(studio, id), record = recordOf(source);
  return {
    ...runNow(source),
    summary: summaryOf(source, studio),
    metrics: [...record.series.keys()],
    marks: record.epochs,
    pictures: record.samples.map(({ path, prompt, seed, step }, index) => ({
      ...{ index, prompt, seed, step, name: basename(path) },
    })),
    files: record.saves,
    damaged: record.damaged,
  };
}

export function runNow(source: RunSource): RunNow {
  const record = recordOf(source), { step, total, epoch, task, secondsPerStep } = record;
  const job = source.kind === "job" ? jobView(source) : null, runs = job?.state === "running";
  const left = total === null || secondsPerStep === null ? null : (total - step) * secondsPerStep;
  return {
    ...{ step, total, epoch, job, secondsPerStep, secondsLeft: runs ? left : null },
    task: runs ? task : null,
    latest: Object.fromEntries([...record.series].map(([metric, series]) => [metric, series.last])),
    samples: record.samples.length,
    saves: record.saves.length,
    ...loadOf(source, runs),
  };
}

function loadOf(source: RunSource, runs: boolean): Pick<RunNow, "processor" | "resident" | "device"> {
  const process = runs && source.kind === "job" ? processOf(source.files) : null;
  if (!process || !isAlive(process)) return { processor: null, resident: null, device: null };
  const device = source.kind === "job" ? deviceLoad(source.job.device) : null;
  return { processor: processorSeconds(process), resident: residentBytes(process), device };
}

/** The most points of a series that are ever sent. */
const MOST_POINTS = 4000;

export interface StepRange {
  readonly from: number;
  readonly to: number;
  readonly width: number;
}

export function runSeries(
  studio: Studio,
  id: string,
  metrics: readonly string[],
  { from, to, width }: StepRange,
): Record<string, Points> {
  const { series } = recordOf(findRun(studio, id)),
    most = Math.min(MOST_POINTS, Math.max(2, Math.floor(width)));
  return Object.fromEntries(
    metrics.filter((metric) => series.has(metric))
      .map((metric) => [metric, series.get(metric)!.points(from, to, most)]),
  );
}

/** The file of a sample picture. Throws Refused for one that there is not, or that lies outside. */
export function samplePath(studio: Studio, id: string, index: number): string {
  const source = findRun(studio, id), sample = recordOf(source).samples[index];
  if (!sample) throw new Refused(404, "the run has no such picture");
  return studio.folders.inside(source.kind === "job" ? resolve(source.job.folder, sample.path) : sample.path);
}
