/** A job: where it is, how it ended, what can be done about it. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { JobView } from "../../../queue/shown.ts";
import { Button, html, Name, ProgressBar, tell, tellError } from "../../parts/mod.ts";
import { href } from "../../router.ts";
import { del, post, put } from "../../server.ts";
import { fill, number, useWords } from "../../words/mod.ts";
import { queue as table } from "../../words/queue.ts";
import { JobLog } from "./job_log.ts";
import { durationText } from "./duration.ts";

const KIND = {
  done: "good",
  running: "accent",
  waiting: "",
  interrupted: "warn",
  failed: "bad",
  died: "bad",
} as const;

interface JobCardProps {
  job: JobView;
  /** All that wait, in their order, where this is one of them. */
  order: readonly string[] | null;
}

export function JobCard({ job, order }: JobCardProps) {
  const words = useWords(table), [open, setOpen] = useState(false);
  const focused = useRef<Element | null>(null);
  useEffect(() => { // a card that moves loses its focus
    const element = focused.current as HTMLElement | null;
    focused.current = null;
    if (element && document.activeElement === document.body) element.focus();
  }, [order?.join()]);
  const press = (event: KeyboardEvent) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!event.altKey || by === undefined || !order) return;
    event.preventDefault();
    focused.current = document.activeElement;
    move(job.id, order, by)?.catch(tellError);
  };
  return html`
    <li class="card job-card" tabindex=${order ? 0 : undefined} onKeyDown=${press}
      aria-keyshortcuts=${order ? "Alt+ArrowUp Alt+ArrowDown" : undefined}>
      <div class="job-head">
        <h3>
          ${job.trains && job.state !== "waiting"
            ? html`<a href=${href("runs", job.id)}><${Name} text=${job.title} /></a>`
            : html`<${Name} text=${job.title} />`}
        </h3>
        <span class=${`badge ${KIND[job.state]}`}>${words[job.state]}</span>
        <span class="muted job-command">${job.command} · ${job.device}</span>
        <div class="job-actions">
          <${Actions} job=${job} order=${order} />
        </div>
      </div>
      <${JobProgress} job=${job} />
      <${JobEnd} job=${job} />
      <details open=${open} onToggle=${(event: Event) =>
        setOpen((event.currentTarget as HTMLDetailsElement).open)}>
        <summary>${job.state === "waiting" ? words.line : words.log}</summary>
        ${open && html`
          <pre class="job-line">${["easel", job.command, ...job.args].map(quoted).join(" ")}</pre>
          ${job.state !== "waiting" && html`<${JobLog} id=${job.id} />`}
        `}
      </details>
    </li>
  `;
}

function JobProgress({ job: { state, progress } }: { job: JobView }) {
  const words = useWords(table);
  if (!progress) return state === "running" ? html`<p class="muted">${words.starting}</p>` : null;
  const { task, step, total, loss, secondsPerStep } = progress;
  const parts = [
    task,
    fill(words.steps, { step: number(step), total: number(total) }),
    loss === null ? "" : fill(words.loss, { loss: loss.toFixed(4) }),
    secondsPerStep === null ? "" : fill(words.pace, { seconds: secondsPerStep.toPrecision(3) }),
    secondsPerStep === null || state !== "running"
      ? ""
      : fill(words.left, { time: durationText(secondsPerStep * (total - step)) }),
  ];
  return html`
    ${state === "running" &&
      html`<${ProgressBar} label=${task} value=${total > 0 ? step / total : undefined} />`}
    <p class="muted job-numbers">${parts.filter(Boolean).join(" · ")}</p>
  `;
}

/** How it ended, and what can be done. */
export function JobEnd({ job: { end } }: { job: JobView }) {
  const words = useWords(table);
  if (!end) return null;
  const how = end.signal !== null
    ? fill(words.signal, { signal: end.signal })
    : end.status !== null
    ? fill(words.status, { status: end.status })
    : "";
  const remedy = end.remedy && end.remedy !== "message" ? words[end.remedy] : "";
  return html`
    <p class="job-end"><span dir="auto">${end.message}</span> ${how &&
      html`<span class="muted">(${how})</span>`} ${remedy}</p>
  `;
}

/** Among those that wait; undefined at their end. */
function move(id: string, order: readonly string[], by: number): Promise<unknown> | undefined {
  const ids = [...order], at = ids.indexOf(id), to = at + by;
  if (to < 0 || to >= ids.length) return undefined;
  [ids[at], ids[to]] = [ids[to], ids[at]];
  return put("/api/queue/order", ids);
}

function Actions({ job, order }: JobCardProps) {
  const words = useWords(table), [busy, setBusy] = useState<string | null>(null);
  const act = (name: string, work: () => Promise<unknown>) => async () => {
    setBusy(name);
    await work().catch(tellError);
    setBusy(null);
  };
  const path = `/api/jobs/${encodeURIComponent(job.id)}`;
  const tellJob = (what: string) =>
    act(what, async () => {
      await post(`${path}/tell`, { what });
      tell({ kind: "done", text: words.told });
    });
  const at = order?.indexOf(job.id) ?? -1;
  if (job.state === "running") {
    return html`
      ${job.trains && html`
        <${Button} icon="camera" busy=${busy === "samples"} onClick=${tellJob("samples")}>${words.samples}<//>
        <${Button} icon="save" busy=${busy === "save"} onClick=${tellJob("save")}>${words.save}<//>
      `}
      <${Button} icon="stop" title=${words.stopTitle} busy=${busy === "stop"} onClick=${tellJob(
        "stop",
      )}>${words.stop}<//>
    `;
  }
  return html`
    ${order && order.length > 1 && html`
      <${Button} kind="quiet" icon="up" label=${words.earlier} disabled=${at === 0} onClick=${act(
        "move",
        async () => await move(job.id, order, -1),
      )} />
      <${Button} kind="quiet" icon="down" label=${words
        .later} disabled=${at === order.length - 1} onClick=${act(
          "move",
          async () => await move(job.id, order, 1),
        )} />
    `}
    ${job.resume && html`
      <${Button} icon="play" busy=${busy === "resume"} onClick=${act(
        "resume",
        () => post(`${path}/resume`),
      )}>${words.resume}<//>
    `}
    <${Button} kind="quiet" icon="trash" label=${words.remove} busy=${busy === "remove"}
      onClick=${act("remove", () => del(path))} />
  `;
}

/** As a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./*-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
