/** All jobs: what runs, what waits in its order, what has ended. */

import type { JobView, QueueView } from "../../../queue/shown.ts";
import { EmptyState, html, ViewHead } from "../../parts/mod.ts";
import { href } from "../../router.ts";
import { useTopic } from "../../events.ts";
import { useWords } from "../../words/mod.ts";
import { queue as table } from "../../words/queue.ts";
import { JobCard } from "./job_card.ts";

export function Queue() {
  const words = useWords(table), view = useTopic<QueueView>("queue");
  const add = html`<a class="button primary" href=${href("new")}>${words.newJob}</a>`;
  const none = view && view.running.length + view.waiting.length + view.ended.length === 0;
  return html`
    <${ViewHead} title=${words.title}>${add}<//>
    ${none && html`<${EmptyState} icon="list" title=${words.empty}><p>${words.emptyMore}</p>${add}<//>`}
    ${view && !none && html`
      <p class="hint queue-hint">${words.oneADevice}</p>
      <${Section} title=${words.running} jobs=${view.running} />
      <${Section} title=${words.waiting} jobs=${view.waiting} ordered />
      <${Section} title=${words.ended} jobs=${view.ended} />
    `}
  `;
}

function Section(
  { title, jobs, ordered = false }: { title: string; jobs: readonly JobView[]; ordered?: boolean },
) {
  const words = useWords(table);
  if (jobs.length === 0) return null;
  const ids = jobs.map(({ id }) => id);
  return html`
    <section class="queue-part">
      <h2>${title}</h2>
      ${ordered && jobs.length > 1 && html`<p class="hint queue-hint">${words.orderKeys}</p>`}
      <ul class="queue-list">
        ${jobs.map((job) => html`<${JobCard} key=${job.id} job=${job} order=${ordered ? ids : null} />`)}
      </ul>
    </section>
  `;
}
