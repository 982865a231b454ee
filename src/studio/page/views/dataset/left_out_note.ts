/** What becomes of pictures that are left out: a folder of links to the others, which a training takes. */

import { useState } from "preact/hooks";
import { Button, html, tellError } from "../../parts/mod.ts";
import { folderOf } from "../../path_names.ts";
import { post } from "../../server.ts";
import { fill, number, useWords } from "../../words/mod.ts";
import { dataset } from "../../words/dataset.ts";
import type { FolderState } from "./folder_state.ts";

export function LeftOutNote({ folder }: { folder: FolderState }) {
  const words = useWords(dataset),
    [made, setMade] = useState<{ folder: string; pictures: number } | null>(null);
  const count = folder.counts?.leftOut ?? 0;
  if (count === 0) return null;
  const make = async () => {
    try {
      const { path, extension } = folder;
      setMade(await post<typeof made>("/api/dataset/linked", { folder: path, extension }));
    } catch (error) {
      tellError(error);
    }
  };
  return html`
    <div class="left-out-note">
      <p>${fill(words.leftOutNote, { n: number(count) })}</p>
      <${Button} onClick=${make}>${words.makeLinks}<//>
      ${made &&
        html`<p role="status">${fill(words.linksMade, { n: number(made.pictures) })} <code>${
          folderOf(made.folder)
        }</code></p>`}
    </div>
  `;
}
