/** A dataset file: which folders a training takes, how often and how large; #/dataset/file, #/dataset/file/PATH. */

import { useState } from "preact/hooks";
import {
  Button,
  ErrorLine,
  Field,
  type FieldTies,
  html,
  tell,
  tellError,
  ViewHead,
} from "../../../parts/mod.ts";
import { PathField } from "../../../parts/paths/path_field.ts";
import { go, href } from "../../../router.ts";
import { useLoaded } from "../../../server.ts";
import { datasetFile } from "../../../words/dataset_file.ts";
import { useWords } from "../../../words/mod.ts";
import { trainOn } from "../../new_job/draft.ts";
import { NEW_DATASET, withDataset } from "./cells.ts";
import { DatasetCard } from "./dataset_card.ts";
import { FolderChoice } from "./folder_choice.ts";
import { type DatasetFileState, forgetDatasetFile, useDatasetFile } from "./use_file.ts";
import { valueOf } from "../../../value_of.ts";

export function DatasetFilePage({ path, folder }: { path: string; folder: string }) {
  const { data } = useLoaded<{ folders: string[] }>("/api/studio"), [round, again] = useState(0);
  if (!data) return null;
  const anew = () => {
    forgetDatasetFile();
    go("dataset", "file");
    again(round + 1);
  };
  return html`
    <${Editor} key=${round} path=${path} folder=${folder} roots=${data.folders} onNew=${anew} />
  `;
}

interface EditorProps {
  path: string;
  folder: string;
  roots: readonly string[];
  onNew: () => void;
}

function Editor({ path, folder, roots, onNew }: EditorProps) {
  const words = useWords(datasetFile), file = useDatasetFile(path, folder, roots[0]), { told } = file;
  const document = told?.document ?? null;
  return html`
    <${ViewHead} title=${words.title}>
      <a class="button quiet" href=${href("dataset")}>${words.back}</a>
      <${Open} onOpen=${(path: string) => go("dataset", "file", path)} />
      <${Button} icon="plus" onClick=${onNew}>${words.anew}<//>
    <//>
    <p class="hint file-about">${words.about}</p>
    <${ErrorLine} text=${file.error} />
    ${told && html`
      <div class="new-job">
        <div class="stack">
          ${document
            ? document.datasets.map((dataset, i) =>
              html`
                <${DatasetCard} key=${i} dataset=${dataset} title=${document.datasets.length > 1
                  ? i + 1
                  : null}
                  folders=${told.folders} onChange=${(next: typeof dataset | null) =>
                    file.change(withDataset(document, i, next))} />
              `
            )
            : html`<p class="muted">${words.onlyText}</p>`}
          ${document && html`
            <div class="row">
              <${Button} icon="plus" onClick=${() =>
                file.change({ ...document, datasets: [...document.datasets, NEW_DATASET] })}>${words
                .addDataset}<//></div>
          `}
          <${FolderChoice} roots=${roots} document=${document} onAdd=${file.addFolder} />
        </div>
        <div class="stack beside">
          <${Saving} file=${file} />
        </div>
      </div>
    `}
  `;
}

function Open({ onOpen }: { onOpen: (path: string) => void }) {
  const words = useWords(datasetFile);
  return html`
    <${PathField} value="" kind="toml" label=${words.open} placeholder=${words.open} onChange=${(
      path: string,
    ) => /\.toml$/i.test(path) && onOpen(path)} />
  `;
}

/** Its text, its name, and the job that takes it. */
function Saving({ file }: { file: DatasetFileState }) {
  const words = useWords(datasetFile), [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false), { told, settled, changed } = file;
  const ready = settled && told!.problem === null && file.path !== "";
  const save = async (): Promise<string | null> => {
    setBusy(true);
    setError(null);
    try {
      return await file.save();
    } catch (failed) {
      setError((failed as Error).message);
      return null;
    } finally {
      setBusy(false);
    }
  };
  const onlySave = async () => {
    if (await save()) tell({ kind: "done", text: words.saved });
  };
  const train = async () => {
    const path = changed ? await save() : file.path;
    if (path) trainOn({ dataset_config: path });
  };
  return html`
    <section class="card stack" aria-label=${words.saveAs}>
      <${Field} label=${words.saveAs} error=${error}>${(ties: FieldTies) =>
        html`
          <input ...${ties} type="text" spellcheck=${false} value=${file.path} onInput=${(event: Event) =>
            file.setPath(valueOf(event))} />
        `}<//>
      <div class="row">
        <${Button} icon="save" busy=${busy} disabled=${!ready || !changed} onClick=${onlySave}>${words
          .save}<//>
        <${Button} kind="primary" icon="play" busy=${busy} disabled=${!ready} onClick=${() =>
          train().catch(tellError)}>${words.train}<//>
      </div>
      <p role="status" class=${told!.problem ? "problem-text" : "muted"} lang="en">${settled
        ? told!.problem ?? ""
        : ""}</p>
    </section>
    <section class="card stack">
      <${Field} label="TOML" hint=${words.textHint}>${(ties: FieldTies) =>
        html`
          <textarea ...${ties} class="code" rows="18" spellcheck=${false} value=${told!.text}
            onInput=${(event: Event) => file.edit(valueOf(event))} />
        `}<//>
    </section>
  `;
}
