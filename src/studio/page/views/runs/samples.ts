/** Sample pictures: a row for each prompt, a slider over the steps, two of them side by side. */

import { useState } from "preact/hooks";
import type { PictureView } from "../../../runs/shown.ts";
import { Field, type FieldTies, html, Picture } from "../../parts/mod.ts";
import { fill, number, useWords } from "../../words/mod.ts";
import { runs } from "../../words/runs.ts";

export function Samples({ id, pictures }: { id: string; pictures: readonly PictureView[] }) {
  const words = useWords(runs);
  const steps = [...new Set(pictures.map(({ step }) => step))].sort((a, b) => a - b);
  const prompts = [...new Set(pictures.map(({ prompt }) => prompt))];
  // until one is chosen, the latest beside the first
  const [chosen, choose] = useState<readonly [number | null, number | null]>([null, null]);
  const right = Math.min(chosen[0] ?? steps.length - 1, steps.length - 1);
  const left = Math.min(chosen[1] ?? 0, steps.length - 1);
  const slider = (label: string, at: number, set: (at: number) => void) =>
    html`
      <${Field} label=${label} hint=${fill(words.atStep, { step: number(steps[at]) })}>${(ties: FieldTies) =>
        html`
          <input ...${ties} type="range" min="0" max=${steps.length - 1} step="1" value=${at}
            aria-valuetext=${fill(words.atStep, { step: number(steps[at]) })}
            onInput=${(event: Event) => set(Number((event.target as HTMLInputElement).value))} />
        `}<//>
    `;
  const shown = (prompt: string, step: number) => {
    const picture = pictures.findLast((one) => one.prompt === prompt && one.step === step);
    if (!picture) return html`<span class="sample-none">–</span>`;
    const src = `/api/runs/${encodeURIComponent(id)}/samples/${picture.index}`;
    return html`<a href=${src} target="_blank" rel="noreferrer"><${Picture} src=${src}
      alt=${fill(words.picture, { prompt, step: number(step) })} /></a>`;
  };
  return html`
    <section class="run-part">
      <h2>${words.pictures}</h2>
      ${steps.length > 1 && html`
        <div class="chart-tools">
          ${slider(words.steps, right, (at) => choose([at, left]))}
          ${slider(words.compare, left, (at) => choose([right, at]))}
        </div>
      `}
      <div class="sample-pairs">${prompts.map((prompt) =>
        html`
          <figure key=${prompt} class="sample-pair">
            <div>${left !== right && shown(prompt, steps[left])}${shown(prompt, steps[right])}</div>
            <figcaption><bdi>${prompt}</bdi></figcaption>
          </figure>
        `
      )}</div>
      <div class="sample-grid" role="region" tabindex="0" aria-label=${words.pictures}>
        <table>
          <thead><tr><th scope="col">${words.prompt}</th>${steps.map((step) =>
            html`<th key=${step} scope="col">${number(step)}</th>`
          )}</tr></thead>
          <tbody>${prompts.map((prompt) =>
            html`<tr key=${prompt}><th scope="row"><bdi>${prompt}</bdi></th>${
              steps.map((step) => html`<td key=${step}>${shown(prompt, step)}</td>`)
            }</tr>`
          )}</tbody>
        </table>
      </div>
    </section>
  `;
}
