/** Where pictures are: the user's folders, and the folders in them, as a training takes them. */

import { picturesText } from "./pictures_text.ts";
import { useState } from "preact/hooks";
import { Button, EmptyState, ErrorLine, html, Icon, Name, ViewHead } from "../../parts/mod.ts";
import { AddPictures } from "../../parts/paths/add_pictures.ts";
import { FoldersDialog } from "../../parts/paths/folders_dialog.ts";
import { go, href } from "../../router.ts";
import { useLoaded, withQuery } from "../../server.ts";
import { fill, useWords } from "../../words/mod.ts";
import { dataset } from "../../words/dataset.ts";
import { frame } from "../../words/frame.ts";
import { datasetFile } from "../../words/dataset_file.ts";
import { paths } from "../../words/paths.ts";
import { parts } from "../../words/parts.ts";
import { TrainButton } from "./train_button.ts";
import type { FolderSeen, Subfolder } from "./told.ts";

export function Folders() {
  const names = useWords(frame), words = useWords(dataset), shared = useWords(parts);
  const { data, error, reload } = useLoaded<{ folders: string[] }>("/api/studio");
  const added = useWords(paths), file = useWords(datasetFile);
  const [adding, setAdding] = useState(false), [choosing, setChoosing] = useState(false);
  const close = () => {
    setChoosing(false);
    reload();
  };
  return html`
    <${ViewHead} title=${names.dataset}>
      <a class="button quiet" href=${href("dataset", "file")}>${file.title}</a>
      <${Button} icon="folder" onClick=${() => setChoosing(true)}>${words.otherFolder}<//>
      <${Button} kind="primary" icon="plus" onClick=${() => setAdding(true)}>${added.addPictures}<//>
    <//>
    ${choosing && html`<${FoldersDialog} onClose=${close} />`}
    ${adding && html`
      <${AddPictures} onClose=${() => setAdding(false)} onAdded=${(folder: string) =>
        go("dataset", folder)} />
    `}
    <${ErrorLine} text=${error} retry=${reload} />
    ${!data && !error && html`<p class="muted">${shared.loading}</p>`}
    <div class="stack">
      ${data?.folders.map((folder) => html`<${Root} key=${folder} path=${folder} />`)}
    </div>
  `;
}

function Root({ path }: { path: string }) {
  const words = useWords(dataset);
  const { data, error } = useLoaded<FolderSeen>(withQuery("/api/dataset/folder", { path }));
  const pictures = [data, ...data?.folders ?? []].reduce((sum, folder) => sum + (folder?.pictures ?? 0), 0);
  // of a folder that only holds others nothing is left out
  const trains = data && (data.pictures > 0 || data.folders.some(({ repeats }) => repeats !== null));
  return html`
    <section class="card stack">
      <h2 class="folder-path"><a href=${href("dataset", path)}><bdi>${path}</bdi></a> ${data &&
        html`<${CountBadge} pictures=${data.pictures} />`}</h2>
      <${ErrorLine} text=${error} />
      ${data && pictures === 0 && data.notes.length === 0 &&
        html`<p class="hint">${words.noneYet}</p>`}
      ${data && html`
        <div class="row">
          <${TrainButton} seen=${data} />
        </div>
      `}
      ${data && html`<${FolderList} folders=${data.folders} />`}
      ${trains && html`<${Notes} notes=${data.notes} />`}
    </section>
  `;
}

export function FolderList({ folders }: { folders: readonly Subfolder[] }) {
  const words = useWords(dataset);
  if (folders.length === 0) return null;
  return html`
    <ul class="folder-list">
      ${folders.map(({ name, path, pictures, repeats, classTokens }) =>
        html`
          <li key=${path}>
            <a href=${href("dataset", path)}><${Icon} name="folder" /><${Name} text=${name} /></a>
            <${CountBadge} pictures=${pictures} />
            ${repeats !== null &&
              html`<span class="badge accent">${repeatsText(repeats, classTokens, words)}</span>`}
          </li>
        `
      )}
    </ul>
  `;
}

function CountBadge({ pictures }: { pictures: number }) {
  const words = useWords(dataset);
  return html`<span class="badge">${picturesText(pictures, words)}</span>`;
}

export function repeatsText(
  repeats: number,
  classTokens: string,
  words: { readonly repeats: string; readonly repeatsOf: string },
): string {
  return classTokens === ""
    ? fill(words.repeats, { n: repeats })
    : fill(words.repeatsOf, { n: repeats, words: classTokens });
}

export function Notes({ notes }: { notes: readonly string[] }) {
  return html`${notes.map((note) => html`<p class="hint" key=${note} dir="auto">${note}</p>`)}`;
}

/** A folder without a picture in it. */
export function NoPictures({ seen }: { seen: FolderSeen | undefined }) {
  const words = useWords(dataset);
  return html`
    <${FolderList} folders=${seen?.folders ?? []} />
    <${EmptyState} icon="pictures" title=${words.noPictures}>${words.noPicturesHint}<//>
  `;
}
