/** Other runs, drawn over the one that is looked at: which, and their curves. */

import { useEffect, useState } from "preact/hooks";
import type { RunSummary } from "../../../runs/shown.ts";
import { html, Name } from "../../parts/mod.ts";
import { useLoaded } from "../../server.ts";
import { fill, useWords } from "../../words/mod.ts";
import { runs } from "../../words/runs.ts";
import type { Line } from "./chart.ts";
import type { Curves } from "./curves.ts";
import { readCurves, type Steps } from "./use_run.ts";

/** A colour for each; those before are the run's own. */
const COLORS = [4, 5, 6, 7, 8];

export interface OverlaidRun {
  readonly id: string;
  readonly title: string;
  readonly color: number;
  readonly curves: Curves;
}

/** The runs of `ids` whose curves are there by now. Of those that go on, what there is when they are chosen. */
export function useOverlaid(ids: readonly string[], steps: Steps): readonly OverlaidRun[] {
  const { data } = useLoaded<RunSummary[]>(ids.length ? "/api/runs" : null);
  const [read, setRead] = useState<Readonly<Record<string, Curves>>>({});
  useEffect(() => {
    const controller = new AbortController();
    setRead({});
    for (const id of ids) {
      const add = (curves: Curves) => setRead((old) => ({ ...old, [id]: curves }));
      readCurves(`/api/runs/${encodeURIComponent(id)}`, METRICS, steps, controller.signal).then(
        add,
        () => {},
      );
    }
    return () => controller.abort();
  }, [ids.join(), steps?.join()]);
  return ids.map((id, i) => ({
    ...{ id, color: COLORS[i], curves: read[id] ?? {} },
    title: data?.find((run) => run.id === id)?.title ?? "",
  }));
}

const METRICS = ["loss", "validation", "grad_norm", "seconds", "memory"];

/** Their lines of one metric: dashed, and without pale points and bands, which nobody could tell apart. */
export function overlaidLines(
  runs: readonly OverlaidRun[],
  metric: string,
  name: string,
  smooth = 0,
  scale = 1,
): Line[] {
  return runs.flatMap(({ title, color, curves: { [metric]: points } }) => {
    if (!points?.values.some((value) => value !== null)) return [];
    const values = points.values.map((value) => value === null ? null : value * scale);
    const label = name === "" ? title : `${title} · ${name}`;
    return [{ label, color, smooth, dashed: true, alone: true, points: { steps: points.steps, values } }];
  });
}

interface ChoiceProps {
  id: string;
  chosen: readonly string[];
  onChoose: (ids: readonly string[]) => void;
}

export function OverlayChoice({ id, chosen, onChoose }: ChoiceProps) {
  const words = useWords(runs), { data } = useLoaded<RunSummary[]>("/api/runs");
  const others = (data ?? []).filter((run) => run.id !== id && run.kind !== "output");
  if (others.length === 0) return null;
  const tick = (run: string) =>
    onChoose(chosen.includes(run) ? chosen.filter((one) => one !== run) : [...chosen, run]);
  return html`
    <details class="overlay-choice">
      <summary>${words.overlay}${chosen.length > 0 && html`
        <span class="badge accent">${chosen.length}</span>
      `}
      </summary>
      <p class="hint">${fill(words.overlayMost, { n: COLORS.length })}</p>
      <ul>${others.map((run) => {
        const at = chosen.indexOf(run.id);
        return html`
          <li key=${run.id}><label>
            <input type="checkbox" checked=${at >= 0} disabled=${at < 0 && chosen.length >= COLORS.length}
              onChange=${() => tick(run.id)} />
            ${at >= 0 && html`<i class=${`swatch series-${COLORS[at]}`} />`}
            <${Name} text=${run.title} /> <span class="hint"><${Name} text=${run.place} /></span>
          </label></li>
        `;
      })}</ul>
    </details>
  `;
}
