/** A run as the page knows it: read once, then added to by what the server tells. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { EpochMark, Points, RunDetails, RunNews, RunNow } from "../../../runs/shown.ts";
import { listen } from "../../events.ts";
import { get, useLoaded } from "../../server.ts";
import { type Curves, withAdded } from "./curves.ts";

/** Points of a curve at first. */
export const WIDTH = 600;

/** Above this the curves are read anew, in fewer points. */
const MOST_POINTS = 2000;

export interface KnownRun {
  readonly details: RunDetails | undefined;
  readonly now: RunNow | undefined;
  readonly curves: Curves;
  readonly marks: readonly EpochMark[];
  readonly error: string | null;
}

export type Steps = readonly [from: number, to: number] | null;

/** `steps`: only these, more closely. */
export function useRun(id: string, steps: Steps): KnownRun {
  const path = `/api/runs/${encodeURIComponent(id)}`;
  const { data: details, error, reload } = useLoaded<RunDetails>(path);
  const [now, setNow] = useState<RunNow | undefined>(), [curves, setCurves] = useState<Curves>({});
  const [marks, setMarks] = useState<readonly EpochMark[]>([]);
  const [round, again] = useState(0), seen = useRef("");
  const job = details?.summary.kind === "job", known = details !== undefined;
  useEffect(() => {
    if (!details) return;
    const controller = new AbortController();
    readCurves(path, details.metrics, steps, controller.signal).then(setCurves, () => {});
    return () => controller.abort();
  }, [path, known, details?.metrics.join(), steps?.join(), round]);
  useEffect(() => {
    if (!job) return;
    return listen<RunNews>(`run:${id}`, ({ now, added, marks }, afresh) => {
      setNow(now);
      if (afresh) again((n) => n + 1); // what came between reading and listening, or while there was no server
      const counts = `${now.samples} ${now.saves} ${Object.keys(now.latest)}`;
      if (seen.current !== "" && (afresh || seen.current !== counts)) reload();
      seen.current = counts;
      setMarks((old) => [...old, ...marks]);
      if (afresh || steps) return;
      setCurves((old) => {
        const more = withAdded(old, added);
        if ((more.loss?.steps.length ?? 0) > MOST_POINTS) again((n) => n + 1);
        return more;
      });
    });
  }, [id, job, steps !== null]);
  useEffect(() => setMarks(details?.marks ?? []), [details]);
  return { details, now: now ?? details, curves, marks, error };
}

export async function readCurves(
  path: string,
  metrics: readonly string[],
  steps: Steps,
  signal: AbortSignal,
): Promise<Curves> {
  const query = new URLSearchParams(metrics.map((metric) => ["metric", metric]));
  query.set("width", String(WIDTH));
  if (steps) { for (const [i, name] of ["from", "to"].entries()) query.set(name, String(steps[i])); }
  return await get<Record<string, Points>>(`${path}/series?${query}`, {}, signal);
}
