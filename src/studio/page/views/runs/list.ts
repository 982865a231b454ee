import type { RunSummary } from "../../../runs/shown.ts";
import { type Column, EmptyState, ErrorLine, html, Name, Table, ViewHead } from "../../parts/mod.ts";
import { href } from "../../router.ts";
import { useLoaded } from "../../server.ts";
import { frame } from "../../words/frame.ts";
import { useLanguage, useWords } from "../../words/mod.ts";
import { queue } from "../../words/queue.ts";
import { runs } from "../../words/runs.ts";

export function RunList() {
  const names = useWords(frame), words = useWords(runs), states = useWords(queue), language = useLanguage();
  const { data, error, reload } = useLoaded<RunSummary[]>("/api/runs");
  const when = (at: number | null) =>
    at === null ? "" : new Date(at).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  const columns: Column<RunSummary>[] = [
    {
      name: "name",
      title: words.name,
      show: ({ id, title }) => html`<a href=${href("runs", id)}><${Name} text=${title} /></a>`,
    },
    {
      name: "state",
      title: words.state,
      show: (run) => run.kind === "job" ? states[run.state!] : words[run.kind],
    },
    { name: "began", title: words.began, show: ({ started }) => when(started) },
    { name: "place", title: words.place, show: ({ place }) => html`<${Name} text=${place} />` },
  ];
  return html`
    <${ViewHead} title=${names.runs} />
    <${ErrorLine} text=${error} retry=${reload} />
    ${data?.length === 0 && html`
      <${EmptyState} icon="chart" title=${words.empty}>
        <p>${words.emptyMore}</p>
        <p class="row">
          <a class="button" href=${href("dataset")}>${names.dataset}</a>
          <a class="button primary" href=${href("new")}>${names.new}</a>
        </p>
        <//>
    `}
    ${data && data.length > 0 &&
      html`<${Table} caption=${names.runs} columns=${columns} rows=${data} keyOf=${({ id }: RunSummary) =>
        id} />`}
  `;
}
