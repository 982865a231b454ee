/** Changes of captions, the last one first: what each did, before and after. */

import { useEffect, useState } from "preact/hooks";
import { Button, Dialog, ErrorLine, html } from "../../../parts/mod.ts";
import { get } from "../../../server.ts";
import { fill, number, useWords } from "../../../words/mod.ts";
import { dataset } from "../../../words/dataset.ts";
import type { FolderState } from "../folder_state.ts";
import { TextPairs } from "./text_pairs.ts";
import type { StepHead } from "../told.ts";

interface StepTold extends StepHead {
  readonly changes: readonly {
    readonly file: string;
    readonly before: string | null;
    readonly after: string | null;
  }[];
}

export function HistoryPanel({ folder }: { folder: FolderState }) {
  const words = useWords(dataset), [shown, setShown] = useState<StepHead | null>(null);
  const { done, undone } = folder.steps;
  const row = (step: StepHead, isDone: boolean) =>
    html`
      <li key=${step.id} class=${isDone ? "" : "muted"}>
        <button type="button" class="step" onClick=${() => setShown(step)}>
          <span>${deedText(step, words)}</span>
          <span class="hint">
            ${new Date(step.time).toLocaleString()} · ${fill(words.captionsOf, { n: number(step.count) })}
            ${step.open && html`
              · <span class="badge accent">${words.jobRuns}</span>
            `}
            ${!isDone && html`
              · <span class="badge">${words.takenBack}</span>
            `}
          </span>
        </button>
      </li>
    `;
  return html`
    <p class="hint">${words.historyHint}</p>
    <ol class="steps">${[...undone].reverse().map((step) => row(step, false))}${done.map((step) =>
      row(step, true)
    )}</ol>
    ${done.length + undone.length === 0 && html`<p class="muted">${words.noSteps}</p>`}
    <${StepDialog} folder=${folder} step=${shown} onClose=${() => setShown(null)} />
  `;
}

function StepDialog(
  { folder, step, onClose }: { folder: FolderState; step: StepHead | null; onClose: () => void },
) {
  const words = useWords(dataset), [told, setTold] = useState<StepTold | null>(null);
  const [error, setError] = useState<string | null>(null), [more, setMore] = useState(0);
  useEffect(() => {
    setTold(null);
    setMore(0);
  }, [step?.id]);
  useEffect(() => {
    if (!step) return;
    const { path, extension } = folder, query = { folder: path, extension, id: step.id, from: more };
    get<StepTold>("/api/dataset/step", query).then(
      (next) =>
        setTold((old) => old && more > 0 ? { ...next, changes: [...old.changes, ...next.changes] } : next),
      (failed) => setError(failed.message),
    );
  }, [step?.id, more]);
  const left = told ? told.count - told.changes.length : 0;
  return html`
    <${Dialog} title=${step ? deedText(step, words) : ""} wide open=${step !== null} onClose=${onClose}>
      <div class="stack">
        <${ErrorLine} text=${error} />
        ${told && html`<${TextPairs} pairs=${told.changes} />`}
        ${told && left > 0 &&
          html`<${Button} onClick=${() => setMore(told.changes.length)}>${words.more}<//>`}
      </div>
      <//>
  `;
}

export function deedText(
  { deed }: StepHead,
  words: { readonly [K in keyof typeof dataset]: string },
): string {
  const tags = deed.tags?.join(", ") ?? "", by = deed.by?.join(", ") ?? "";
  return fill(words[`deed_${deed.kind}`], { tags, by, command: deed.command ?? "" });
}
