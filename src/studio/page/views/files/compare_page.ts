/** Two files side by side. */

import { useState } from "preact/hooks";
import type { Comparison, SomeNames, TextPair } from "../../../files/shown.ts";
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
import { PathField } from "../../parts/paths/path_field.ts";
import { go, href } from "../../router.ts";
import { post, useLoaded, withQuery } from "../../server.ts";
import { files } from "../../words/files.ts";
import { fill, number, useWords } from "../../words/mod.ts";
import { baseName } from "../../path_names.ts";

export function ComparePage({ a, b }: { a: string; b: string }) {
  const words = useWords(files), [all, setAll] = useState(false);
  const { data, error, reload } = useLoaded<Comparison>(withQuery("/api/files/compare", { a, b }));
  const labels: Record<string, string> = {
    ...{ what: words.what, family: words.family, ranks: words.rank, alphas: words.alpha },
    ...{ dtypes: words.dtype, tensors: words.tensors, bytes: words.size },
  };
  const shown = (rows: readonly TextPair[]) => rows.filter(({ same }) => all || !same);
  const facts = data ? shown(data.facts) : [], metadata = data ? shown(data.metadata) : [];
  const tensors = data && [
    [fill(words.onlyIn, { name: baseName(a), n: number(data.tensors.onlyA.count) }), data.tensors.onlyA],
    [fill(words.onlyIn, { name: baseName(b), n: number(data.tensors.onlyB.count) }), data.tensors.onlyB],
    [fill(words.otherShape, { n: number(data.tensors.other.count) }), data.tensors.other],
  ] as const;
  const ranks = data?.facts.find(({ key }) => key === "ranks");
  return html`
    <${ViewHead} title=${words.compare}>
      <a class="button" href=${href("files")}>${words.back}</a>
    <//>
    <${ErrorLine} text=${error} retry=${reload} />
    ${ranks?.a && ranks.b && html`<${DoingJob} a=${a} b=${b} />`}
    ${data && html`
      <${Field} label=${words.onlyDifferent} beside>${(ties: FieldTies) =>
        html`<input ...${ties} type="checkbox" checked=${!all} onChange=${() => setAll(!all)} />`}<//>
      ${facts.length + metadata.length === 0 && html`<p class="muted">${words.same}</p>`}
      <table class="table files-compare">
        <thead><tr><td></td><th scope="col"><${Name} text=${baseName(
          a,
        )} /></th><th scope="col"><${Name} text=${baseName(
          b,
        )} /></th></tr></thead>
        <tbody>${[...facts.map((row) => ({ ...row, key: labels[row.key] ?? row.key })), ...metadata].map((
          row,
        ) =>
          html`
            <tr key=${row.key} class=${row.same ? "" : "differs"}>
              <th scope="row"><bdi>${row.key}</bdi></th>
              ${[row.a, row.b].map((text, i) =>
                html`
                  <td key=${i} data-title=${baseName(i === 0 ? a : b).slice(0, 40)}>
                    <pre dir="auto">${text ?? "–"}</pre>
                  </td>
                `
              )}
            </tr>
          `
        )}</tbody>
      </table>
      ${tensors!.filter(([, { count }]) => count > 0).map(([label, some]) =>
        html`<${Names} key=${label} label=${label} some=${some} />`
      )}
    `}
  `;
}

/** What two LoRAs do to a model takes a job: it reads all of their weights. */
function DoingJob({ a, b }: { a: string; b: string }) {
  const words = useWords(files), [busy, setBusy] = useState(false), [model, setModel] = useState("");
  const start = async () => {
    setBusy(true);
    try {
      const args = ["diff", a, b, ...model === "" ? [] : ["--sd_model", model]];
      const title = `${baseName(a)} – ${baseName(b)}`;
      await post("/api/jobs", { command: "lora", args, title });
      const action = { text: words.openQueue, run: () => go("queue") };
      tell({ kind: "done", text: fill(words.queued, { name: title }), action });
    } catch (failed) {
      tellError(failed);
    }
    setBusy(false);
  };
  return html`
    <section class="card stack">
      <${Field} label=${words.compareModel} hint=${words.compareModelHint}>${(ties: FieldTies) =>
        html`<${PathField} ties=${ties} value=${model} kind="model" onChange=${setModel} />`}<//>
      <div class="row"><${Button} icon="play" title=${words.compareDoingHint} busy=${busy}
        onClick=${start}>${words.compareDoing}<//></div>
    </section>
  `;
}

function Names({ label, some: { count, first } }: { label: string; some: SomeNames }) {
  return html`
    <details class="files-more">
      <summary><bdi>${label}</bdi></summary>
      <pre>${first.join("\n")}${count > first.length ? "\n…" : ""}</pre>
    </details>
  `;
}
