/** One file: what it is, its picture, hashes and metadata. */

import { useState } from "preact/hooks";
import type { Hashes, Listing, OneFile, Said } from "../../../files/shown.ts";
import { Button, ErrorLine, html, Icon, Name, Picture, ProgressBar, ViewHead } from "../../parts/mod.ts";
import { href } from "../../router.ts";
import { post, useLoaded, withQuery } from "../../server.ts";
import { files } from "../../words/files.ts";
import { fill, number, useWords } from "../../words/mod.ts";
import { baseName, folderOf } from "../../path_names.ts";
import { bytesText, dtypesText } from "./numbers.ts";
import { type Tool, ToolDialog, toolsFor } from "./tools.ts";

export function FilePage({ path }: { path: string }) {
  const words = useWords(files), name = baseName(path), [tool, setTool] = useState<Tool | null>(null);
  const { data, error, reload } = useLoaded<OneFile>(withQuery("/api/files/one", { path }));
  const about = data?.about;
  const beside = useLoaded<Listing>(tool && withQuery("/api/files", { folder: folderOf(path) }));
  return html`
    <${ViewHead} title=${html`<${Name} text=${name} />`}>
      <a class="button" href=${href("files")}>${words.back}</a>
      ${about &&
        toolsFor([about]).map((tool) =>
          html`<${Button} key=${tool} onClick=${() => setTool({ name: tool, files: [about] })}>${
            words[tool]
          }<//>`
        )}
      <a class="button" href=${withQuery("/api/files/download", {
        path,
      })} download=${name}><${Icon} name="download"
        size=${18} /> ${words.download}</a>
    <//>
    <${ErrorLine} text=${error} retry=${reload} />
    ${data && about && html`
      <div class="files-page">
        <div class="stack">
          ${about.preview &&
            html`<${Picture} src=${withQuery("/api/files/preview", { path })} alt=${
              fill(words.preview, {
                name,
              })
            } />`}
          <div class="card"><${Facts} rows=${[
            [words.what, about.what],
            [words.title, about.title],
            [words.family, about.family],
            [words.rank, about.ranks.join(", ")],
            [words.alpha, about.alphas.join(", ")],
            [words.dtype, dtypesText(about)],
            [words.tensors, number(about.tensors)],
            [words.size, bytesText(about.bytes)],
          ]} /></div>
          <${HashCard} path=${path} known=${data.hashes} />
        </div>
        <section class="stack" aria-label=${words.metadata}>
          <h2>${words.metadata}</h2>
          ${data.metadata.length === 0
            ? html`<p class="muted">${words.noMetadata}</p>`
            : html`<dl class="facts card">${
              data.metadata.map((said) => html`<${Entry} key=${said.key} said=${said} />`)
            }</dl>`}
          <${Tensors} path=${path} />
        </section>
      </div>
    `}
    <${ErrorLine} text=${beside.error} />
    <${ToolDialog} tool=${beside.data ? tool : null} taken=${beside.data?.files ?? []} onClose=${() =>
      setTool(null)} />
  `;
}

function Facts({ rows }: { rows: readonly (readonly [string, string | null])[] }) {
  return html`
    <dl class="facts">${rows.filter(([, text]) => text).map(([label, text]) =>
      html`
        <div key=${label}>
          <dt>${label}</dt>
          <dd dir="auto">${text}</dd>
        </div>
      `
    )}</dl>
  `;
}

function Entry({ said: { key, text, length } }: { said: Said }) {
  const words = useWords(files), long = text.length > 200, shown = pretty(text);
  return html`
    <div>
      <dt><bdi>${key}</bdi></dt>
      <dd>
        ${long
          ? html`
            <details>
              <summary><bdi>${text.slice(0, 80)}…</bdi></summary>
              <pre dir="auto">${shown}</pre>
            </details>
          `
          : html`<bdi>${text}</bdi>`}
        ${length > text.length && html`<p class="hint">${fill(words.cut, { n: number(length) })}</p>`}
      </dd>
    </div>
  `;
}

/** JSON of several lines; what is none stays. */
function pretty(text: string): string {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}

function HashCard({ path, known }: { path: string; known: Hashes | null }) {
  const words = useWords(files), [found, setFound] = useState<Hashes | null>(known);
  const [busy, setBusy] = useState(false), [error, setError] = useState<string | null>(null);
  const find = async () => {
    setBusy(true);
    setError(null);
    try {
      setFound(await post<Hashes>("/api/files/hash", { path }));
    } catch (failure) {
      setError((failure as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return html`
    <div class="card stack" aria-live="polite">
      <h2>${words.hashes}</h2>
      ${found
        ? html`<${Facts} rows=${[
          ["SHA-256", found.sha256],
          ["AutoV2", found.sha256.slice(0, 10)],
          ["AutoV3", found.tensors.slice(0, 12)],
          ["AutoV1", found.legacy],
        ]} />`
        : busy
        ? html`
          <${ProgressBar} label=${words.finding} />
          <p class="muted">${words.finding}</p>
        `
        : html`
          <div>
            <${Button} onClick=${find}>${words.findHashes}<//></div>
        `}
      <${ErrorLine} text=${error} />
    </div>
  `;
}

function Tensors({ path }: { path: string }) {
  const words = useWords(files), [open, setOpen] = useState(false);
  const { data, error } = useLoaded<OneFile>(open ? withQuery("/api/files/one", { path, tensors: 1 }) : null);
  return html`
    <details onToggle=${(event: Event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
      <summary>${words.showTensors}</summary>
      <${ErrorLine} text=${error} />
      ${data?.tensors &&
        html`<pre class="files-tensors">${
          data.tensors.map(({ key, dtype, shape }) => `${key}  ${dtype}  [${shape.join(", ")}]`).join("\n")
        }</pre>`}
    </details>
  `;
}
