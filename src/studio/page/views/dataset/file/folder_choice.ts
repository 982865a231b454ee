/** Folders with pictures in the studio's folders, to tick; any other by its path. */

import { useState } from "preact/hooks";
import { Button, html, Name, tellError } from "../../../parts/mod.ts";
import { PathField } from "../../../parts/paths/path_field.ts";
import { useLoaded, withQuery } from "../../../server.ts";
import { datasetFile } from "../../../words/dataset_file.ts";
import { dataset } from "../../../words/dataset.ts";
import { useWords } from "../../../words/mod.ts";
import { picturesText } from "../pictures_text.ts";
import type { DatasetDocument, FolderSeen } from "../told.ts";
import { foldersOf } from "./cells.ts";

interface ChoiceProps {
  roots: readonly string[];
  document: DatasetDocument | null;
  onAdd: (path: string) => Promise<void>;
}

export function FolderChoice({ roots, document, onAdd }: ChoiceProps) {
  const words = useWords(datasetFile), [path, setPath] = useState("");
  const taken = document ? foldersOf(document) : [];
  const add = (path: string) => {
    setPath("");
    onAdd(path).catch(tellError);
  };
  return html`
    <section class="card stack">
      <h2>${words.folders}</h2>
      ${roots.map((root) => html`<${Below} key=${root} path=${root} taken=${taken} onAdd=${add} />`)}
      <div class="row">
        <${PathField} value=${path} kind="folder" label=${words.other} placeholder=${words.other}
          onChange=${setPath} />
        <${Button} icon="plus" disabled=${path === ""} onClick=${() => add(path)}>${words.add}<//>
      </div>
    </section>
  `;
}

/** A folder and those in it, where there are pictures. */
function Below(
  { path, taken, onAdd }: { path: string; taken: readonly string[]; onAdd: (path: string) => void },
) {
  const words = useWords(datasetFile), counts = useWords(dataset);
  const { data } = useLoaded<FolderSeen>(withQuery("/api/dataset/folder", { path }));
  const shown = data ? [data, ...data.folders].filter(({ pictures }) => pictures > 0) : [];
  if (shown.length === 0) return null;
  return html`
    <ul class="folder-choice">${shown.map(({ path, pictures }) =>
      html`
        <li key=${path}>
          <${Button} kind="quiet" icon="plus" disabled=${taken.includes(
            path,
          )} label=${`${words.add}: ${path}`}
            onClick=${() => onAdd(path)} />
          <${Name} text=${path} /> <span class="badge">${picturesText(pictures, counts)}</span>
        </li>
      `
    )}</ul>
  `;
}
