import { useRef } from "preact/hooks";
import type { RunNow } from "../../../runs/shown.ts";
import { html, ProgressBar } from "../../parts/mod.ts";
import { number, useWords } from "../../words/mod.ts";
import { queue } from "../../words/queue.ts";
import { runs } from "../../words/runs.ts";
import { durationText } from "../queue/duration.ts";

/** The numbers of now. */
export function Now({ now }: { now: RunNow }) {
  const words = useWords(runs), states = useWords(queue), { latest, total, step, task, job, device } = now;
  const load = useLoad(now.processor);
  const of = (value: number | null | undefined, digits = 4) =>
    value === null || value === undefined ? null : String(Number(value.toPrecision(digits)));
  const rows: readonly (readonly [string, string | null])[] = [
    [words.state, job && states[job.state]],
    [words.steps, total === null ? number(step) : `${number(step)} / ${number(total)}`],
    [words.epoch, now.epoch === null ? null : number(now.epoch)],
    [words.loss, of(latest.loss)],
    [words.average, of(latest.average)],
    [words.validation, of(latest.validation)],
    [words.grad_norm, of(latest.grad_norm)],
    [words.seconds, of(now.secondsPerStep, 3)],
    [words.left, now.secondsLeft === null ? null : durationText(now.secondsLeft)],
    [words.memory, latest.memory ? of(latest.memory / 2 ** 30, 3) : null],
    [words.resident, now.resident === null ? null : gigabytes(now.resident)],
    [words.deviceMemory, device && `${gigabytes(device.used)} / ${gigabytes(device.total)}`],
    [words.deviceLoad, device && `${number(device.load * 100)} %`],
    [words.load, load === null ? null : `${number(load * 100)} %`],
  ];
  return html`
    ${task && task.name !== "training" &&
      html`<p class="hint" role="status">${task.name} ${number(task.step)} / ${number(task.total)}</p>`}
    ${total !== null && html`<${ProgressBar} label=${words.steps} value=${step / total} />`}
    <dl class="now">${rows.filter(([, value]) => value !== null).map(([name, value]) =>
      html`
        <div key=${name}>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>
      `
    )}</dl>
  `;
}

const gigabytes = (bytes: number) => String(Number((bytes / 2 ** 30).toPrecision(3)));

/** How many processors it keeps busy, between two of the server's messages. */
function useLoad(processor: number | null): number | null {
  const before = useRef<{ processor: number; at: number; load: number | null } | null>(null);
  if (processor === null) return before.current = null;
  const at = performance.now() / 1000, last = before.current;
  if (last && processor === last.processor) return last.load;
  const load = last && at > last.at ? (processor - last.processor) / (at - last.at) : null;
  before.current = { processor, at, load };
  return load;
}
