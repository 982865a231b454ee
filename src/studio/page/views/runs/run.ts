/** One run: where it is, its curves, its pictures, its log, and what can be asked of it. */

import { useState } from "preact/hooks";
import {
  Button,
  ErrorLine,
  Field,
  type FieldTies,
  html,
  Name,
  tell,
  tellError,
  ViewHead,
} from "../../parts/mod.ts";
import type { JobView } from "../../../queue/shown.ts";
import { go, href } from "../../router.ts";
import { post } from "../../server.ts";
import { fill, useWords } from "../../words/mod.ts";
import { queue } from "../../words/queue.ts";
import { runs } from "../../words/runs.ts";
import { JobEnd } from "../queue/job_card.ts";
import { JobLog } from "../queue/job_log.ts";
import { Chart, type Line } from "./chart.ts";
import type { Curves } from "./curves.ts";
import { Now } from "./now.ts";
import { overlaidLines, OverlayChoice, useOverlaid } from "./overlays.ts";
import { Samples } from "./samples.ts";
import { type Steps, useRun } from "./use_run.ts";

export function RunPage({ id }: { id: string }) {
  const words = useWords(runs), states = useWords(queue);
  const [steps, setSteps] = useState<Steps>(null), [smooth, setSmooth] = useState(0.9);
  const [overlaid, setOverlaid] = useState<readonly string[]>([]);
  const { details, now, curves, marks, error } = useRun(id, steps), others = useOverlaid(overlaid, steps);
  const summary = details?.summary, job = now?.job ?? details?.job ?? null;
  const range = (from: number, to: number) => setSteps([Math.round(from), Math.round(to)]);
  const chart = (title: string, lines: readonly Line[]) =>
    lines.length > 0 && html`<${Chart} title=${title} lines=${lines} marks=${marks} onRange=${range} />`;
  return html`
    <${ViewHead} title=${html`<${Name} text=${summary?.title ?? ""} />`}>
      <a class="button quiet" href=${href("runs")}>${words.all}</a>
      ${job?.state === "running" && html`<${Asking} id=${id} />`}
      ${job?.resume && html`
        <${Button} kind="primary" icon="play"
          onClick=${() => resume(id)}>${states.resume}<//>
      `}
    <//>
    <${ErrorLine} text=${error} />
    <${ErrorLine} text=${details?.damaged && fill(words.damaged, { path: details.damaged })} />
    ${now && html`<${Now} now=${now} />`}
    ${job && html`<${JobEnd} job=${job} />`}
    ${curves.loss && html`
      <div class="chart-tools">
        <${Field} label=${words.smoothing}>${(ties: FieldTies) =>
          html`
            <input ...${ties} type="range" min="0" max="0.99" step="0.01" value=${smooth}
              onInput=${(event: Event) => setSmooth(Number((event.target as HTMLInputElement).value))} />
          `}<//>
        <${OverlayChoice} id=${id} chosen=${overlaid} onChoose=${setOverlaid} />
        ${steps && html`<${Button} icon="undo" onClick=${() => setSteps(null)}>${words.whole}<//>`}
      </div>
    `}
    <div class="charts">
      ${chart(words.loss, [
        ...lossLines(curves, words, smooth),
        ...overlaidLines(others, "loss", "", smooth),
        ...overlaidLines(others, "validation", words.validation),
      ])}
      ${chart(words.rate, rateLines(curves, words))}
      ${chart(words.grad_norm, [
        ...single(curves, "grad_norm", words.grad_norm, 1, smooth),
        ...overlaidLines(others, "grad_norm", "", smooth),
      ])}
      ${chart(words.seconds, [
        ...single(curves, "seconds", words.seconds, 2, 0),
        ...overlaidLines(others, "seconds", ""),
      ])}
      ${chart(words.memory, [
        ...single(inGigabytes(curves), "memory", words.memory, 3, 0),
        ...overlaidLines(others, "memory", "", 0, 2 ** -30),
      ])}
    </div>
    ${details && details.pictures.length > 0 && html`<${Samples} id=${id} pictures=${details.pictures} />`}
    ${details && details.files.length > 0 && html`
      <section class="run-part">
        <h2>${words.files}</h2>
        <ul class="run-files">${details.files.map(({ path, step }) =>
          html`<li key=${path}><${Name} text=${path} /> <span class="hint">${
            fill(words.atStep, { step })
          }</span></li>`
        )}</ul>
      </section>
    `}
    ${job && html`
      <section class="run-part">
        <h2>${states.log}</h2>
        <${JobLog} id=${id} />
      </section>
    `}
  `;
}

/** Goes on in a job of its own, which is looked at from then on. */
function resume(id: string): Promise<void> {
  return post<JobView>(`/api/jobs/${id}/resume`).then((job) => go("runs", job.id), tellError);
}

/** What a running training is told; it does it between two steps. */
function Asking({ id }: { id: string }) {
  const words = useWords(queue);
  const ask = (what: string) => () =>
    post(`/api/jobs/${id}/tell`, { what }).then(() => tell({ kind: "done", text: words.told }), tellError);
  return html`
    <${Button} icon="camera" onClick=${ask("samples")}>${words.samples}<//>
    <${Button} icon="save" onClick=${ask("save")}>${words.save}<//>
    <${Button} icon="stop" title=${words.stopTitle} onClick=${ask("stop")}>${words.stop}<//>
  `;
}

type RunWords = { readonly [name: string]: string };

function lossLines(curves: Curves, words: RunWords, smooth: number): Line[] {
  return [
    ...single(curves, "loss", words.loss, 1, smooth),
    ...single(curves, "average", words.average, 2, 0),
    ...single(curves, "validation", words.validation, 3, 0),
  ];
}

function rateLines(curves: Curves, words: RunWords): Line[] {
  return Object.keys(curves).filter((metric) => /^(rate|adapted):/.test(metric)).map((metric, i) => {
    const [kind, group] = [metric.split(":")[0], metric.slice(metric.indexOf(":") + 1)];
    const { steps, values } = curves[metric];
    return { label: `${words[kind]} ${group}`, color: i % 8 + 1, points: { steps, values } };
  });
}

function single(curves: Curves, metric: string, label: string, color: number, smooth: number): Line[] {
  const points = curves[metric];
  if (!points?.values.some((value) => value !== null)) return [];
  return [{ label, color, points, smooth }];
}

function inGigabytes(curves: Curves): Curves {
  const points = curves.memory;
  if (!points) return {};
  return { memory: { steps: points.steps, values: points.values.map((value) => value && value / 2 ** 30) } };
}
