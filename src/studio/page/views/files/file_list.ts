/** The list: every model and LoRA below a folder, what each is, and what can be done with those that are chosen. */

import { useMemo, useState } from "preact/hooks";
import type { About, ListedFile, Listing } from "../../../files/shown.ts";
import { Button, type Column, EmptyState, ErrorLine, html, Name, Table, ViewHead } from "../../parts/mod.ts";
import { href } from "../../router.ts";
import { useLoaded, withQuery } from "../../server.ts";
import { files } from "../../words/files.ts";
import { frame } from "../../words/frame.ts";
import { fill, useLanguage, useWords } from "../../words/mod.ts";
import { parts } from "../../words/parts.ts";
import { bytesText, dtypesText, rangeText } from "./numbers.ts";
import { type Tool, ToolDialog, toolsFor } from "./tools.ts";
import { useAbout } from "./use_about.ts";
import { isTicked, valueOf } from "../../value_of.ts";

const PAGE = 200;

const KINDS = ["checkpoint", "lora", "vae", "other", "damaged"] as const;

export function FileList() {
  const words = useWords(files), names = useWords(frame), shared = useWords(parts), language = useLanguage();
  const [folder, setFolder] = useState<string | null>(null), [text, setText] = useState("");
  const [kind, setKind] = useState(""), [most, setMost] = useState(PAGE);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set()),
    [tool, setTool] = useState<Tool | null>(null);
  const { data, error, loading, reload } = useLoaded<Listing & { roots: readonly string[] }>(
    withQuery("/api/files", { folder }),
  );
  const found = useMemo(
    () => (data?.files ?? []).filter(({ name }) => name.toLowerCase().includes(text.toLowerCase())),
    [data, text],
  );
  // of one kind are known only those that were looked into
  const looked = useMemo(() => kind ? found : found.slice(0, most), [found, kind, most]);
  const known = useAbout(looked);
  const rows = looked.filter(({ path }) => !kind || known.get(path)?.kind === kind).slice(0, most);
  const picked = [...chosen].filter((path) => data?.files.some((file) => file.path === path));
  const abouts = picked.map((path) => known.get(path)).filter((about) => about !== undefined);
  const choose = (path: string, on: boolean) => {
    const next = new Set(chosen);
    on ? next.add(path) : next.delete(path);
    setChosen(next);
  };
  const cell = (show: (about: About) => unknown) => ({ path }: ListedFile) => {
    const about = known.get(path);
    return about && !about.error ? show(about) : "";
  };
  const columns = [
    {
      name: "choose",
      title: words.choose,
      show: ({ path, name }: ListedFile) =>
        html`
          <input type="checkbox" aria-label=${fill(words.chosen, { name })} checked=${chosen.has(path)}
            onChange=${(event: Event) => choose(path, isTicked(event))} />
        `,
    },
    {
      name: "name",
      title: words.name,
      show: ({ path, name }: ListedFile) => {
        const about = known.get(path);
        return html`
          <div class="files-name">
            <a href=${href("files", "file", path)}><${Name} text=${name} /></a>
            ${about?.error && html`<p class="error">${about.error}</p>`}
          </div>
        `;
      },
    },
    {
      name: "kind",
      title: words.kind,
      show: ({ path }: ListedFile) => {
        const about = known.get(path);
        return about &&
          html`<span class=${`badge ${
            about.kind === "damaged" ? "bad" : about.kind === "lora" ? "accent" : ""
          }`}>${words[about.kind]}</span>`;
      },
    },
    { name: "family", title: words.family, show: cell(({ family }) => family) },
    { name: "rank", title: words.rank, numeric: true, show: cell(({ ranks }) => rangeText(ranks)) },
    { name: "alpha", title: words.alpha, numeric: true, show: cell(({ alphas }) => rangeText(alphas)) },
    { name: "dtype", title: words.dtype, show: cell(dtypesText) },
    {
      name: "size",
      title: words.size,
      numeric: true,
      show: ({ bytes, path }: ListedFile) => bytesText(bytes ?? known.get(path)?.bytes ?? 0),
    },
    {
      name: "changed",
      title: words.changed,
      numeric: true,
      show: ({ changed }: ListedFile) =>
        new Date(changed).toLocaleString(language, { dateStyle: "short", timeStyle: "short" }),
    },
  ] as Column<ListedFile>[];
  return html`
    <${ViewHead} title=${names.files}>
      ${data && data.roots.length > 1 && html`
        <select aria-label=${words.folder} value=${folder ?? data.roots[0]} onChange=${(event: Event) =>
          setFolder(valueOf(event))}>
          ${data.roots.map((root) => html`<option key=${root} value=${root}>${root}</option>`)}
        </select>
      `}
      <input type="search" class="files-search" aria-label=${words.filter} placeholder=${words
        .filter} value=${text}
        onInput=${(event: Event) => setText(valueOf(event))} />
      <select aria-label=${words.kind} value=${kind} onChange=${(event: Event) => setKind(valueOf(event))}>
        <option value="">${words.all}</option>
        ${KINDS.map((name) => html`<option key=${name} value=${name}>${words[name]}</option>`)}
      </select>
      <${Button} kind="quiet" icon="refresh" label=${shared.retry} onClick=${reload} />
    <//>
    <${ErrorLine} text=${error} retry=${reload} />
    ${data?.more && html`<p class="hint">${words.more}</p>`}
    ${data && data.files.length === 0
      ? html`<${EmptyState} icon="box" title=${words.empty}>${words.emptyHint}<//>`
      : rows.length === 0 && !loading
      ? html`<p class="muted">${words.noneMatch}</p>`
      : html`<${Table} caption=${words.files} columns=${columns} rows=${rows} keyOf=${(
        { path }: ListedFile,
      ) => path} />`}
    ${looked.length < found.length && html`
      <p>
        <${Button} onClick=${() => setMost(most + PAGE)}>${words.showMore}<//></p>
    `}
    ${picked.length > 0 && html`
      <div class="files-chosen" role="region" aria-label=${words.choose}>
        <span>${fill(words.chosenCount, { n: picked.length })}</span>
        ${picked.length === 2 &&
          html`<a class="button" href=${href("files", "compare", ...picked)}>${words.compare}</a>`}
        ${abouts.length === picked.length &&
          toolsFor(abouts).map((name) =>
            html`<${Button} key=${name} onClick=${() => setTool({ name, files: abouts })}>${words[name]}<//>`
          )}
        <${Button} kind="quiet" icon="close" label=${shared.cancel} onClick=${() => setChosen(new Set())} />
      </div>
    `}
    <${ToolDialog} tool=${tool} taken=${data?.files ?? []} onClose=${() => setTool(null)} />
  `;
}
