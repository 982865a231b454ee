/** The jobs that this page has started, while they go on and until the next one. */

import type { JobView, QueueView } from "../../../queue/shown.ts";
import { Button, ErrorLine, html, ProgressBar, tellError } from "../../parts/mod.ts";
import { useTopic } from "../../events.ts";
import { post } from "../../server.ts";
import { draw } from "../../words/draw.ts";
import { fill, useWords } from "../../words/mod.ts";

export function JobLines({ ids }: { ids: readonly string[] }) {
  const queue = useTopic<QueueView>(ids.length > 0 ? "queue" : null);
  const jobs = queue
    ? [...queue.running, ...queue.waiting, ...queue.ended].filter(({ id }) => ids.includes(id))
    : [];
  return html`<div class="stack" aria-live="polite">${
    jobs.map((job) => html`<${JobLine} key=${job.id} job=${job} />`)
  }</div>`;
}

function JobLine({ job: { id, state, end, progress } }: { job: JobView }) {
  const words = useWords(draw);
  if (state === "failed" || state === "died") {
    return html`<${ErrorLine} text=${end?.message ?? words.stopped} />`;
  }
  if (state === "done" || state === "interrupted") {
    return html`<p class="muted">${state === "done" ? words.done : words.stopped}</p>`;
  }
  const drawing = progress && progress.total > 0 ? progress : null;
  const text = state === "waiting"
    ? words.waiting
    : drawing
    ? fill(words.drawing, { step: drawing.step, total: drawing.total })
    : words.starting;
  const stop = () => post(`/api/jobs/${encodeURIComponent(id)}/tell`, { what: "stop" }).catch(tellError);
  return html`
    <div class="draw-job">
      <span>${text}</span>
      ${state === "running" && html`
        <${ProgressBar} label=${text} value=${drawing ? drawing.step / drawing.total : undefined} />
        <${Button} kind="quiet" icon="stop" label=${words.stop} onClick=${stop} />
      `}
    </div>
  `;
}
