/** Where pictures are: the user's folders, and the folders in them, as a training takes them. */

import { picturesText } from "./pictures_text.ts";
import { useState } from "preact/hooks";
import {
  Button,
  EmptyState,
  ErrorLine,
  Field,
  type FieldTies,
  html,
  Icon,
  Name,
  ViewHead,
} from "../../parts/mod.ts";
import { AddPictures } from "../../parts/paths/add_pictures.ts";
import { go, href } from "../../router.ts";
import { post, useLoaded, withQuery } from "../../server.ts";
import { fill, useWords } from "../../words/mod.ts";
import { dataset } from "../../words/dataset.ts";
import { frame } from "../../words/frame.ts";
import { paths } from "../../words/paths.ts";
import { parts } from "../../words/parts.ts";
import type { FolderSeen, Subfolder } from "./told.ts";

const EXAMPLE = "/home/me/pictures/10_cat";

export function Folders() {
  const names = useWords(frame), words = useWords(dataset), shared = useWords(parts);
  const { data, error, reload } = useLoaded<{ folders: string[] }>("/api/studio");
  const added = useWords(paths), [adding, setAdding] = useState(false);
  const [path, setPath] = useState(""), [wrong, setWrong] = useState<string | null>(null);
  const open = async (event: Event) => {
    event.preventDefault();
    setWrong(null);
    try {
      await post("/api/folders", { path: path.trim() });
      go("dataset", path.trim());
    } catch (failed) {
      setWrong((failed as Error).message);
    }
  };
  return html`
    <${ViewHead} title=${names.dataset}>
      <${Button} icon="plus" onClick=${() => setAdding(true)}>${added.addPictures}<//>
    <//>
    ${adding && html`
      <${AddPictures} onClose=${() => setAdding(false)} onAdded=${(folder: string) =>
        go("dataset", folder)} />
    `}
    <${ErrorLine} text=${error} retry=${reload} />
    ${!data && !error && html`<p class="muted">${shared.loading}</p>`}
    <div class="stack">
      ${data?.folders.map((folder) => html`<${Root} key=${folder} path=${folder} />`)}
      <form class="row folder-form" onSubmit=${open}>
        <${Field} label=${words.otherFolder} error=${wrong}>
          ${(ties: FieldTies) =>
            html`
              <input ...${ties} type="text" dir="auto" placeholder=${EXAMPLE} value=${path}
                onInput=${(event: Event) => setPath((event.currentTarget as HTMLInputElement).value)} />
            `}
        <//>
        <${Button} type="submit" icon="folder" disabled=${path.trim() === ""}>${words.open}<//>
      </form>
    </div>
  `;
}

function Root({ path }: { path: string }) {
  const { data, error } = useLoaded<FolderSeen>(withQuery("/api/dataset/folder", { path }));
  return html`
    <section class="card stack">
      <h2 class="folder-path"><a href=${href("dataset", path)}><bdi>${path}</bdi></a> ${data &&
        html`<${CountBadge} pictures=${data.pictures} />`}</h2>
      <${ErrorLine} text=${error} />
      ${data && html`<${FolderList} folders=${data.folders} />`}
      ${data && html`<${Notes} notes=${data.notes} />`}
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
